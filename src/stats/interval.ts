/** [low, high] of an estimate at 95 % confidence. */
export type Interval = [low: number, high: number]
