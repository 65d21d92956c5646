import type { Effect, Importance, MeasuredPoint, TunePoint } from '../result/tune-schema.js'
import { mean } from '../stats/samples.js'

/** What a point's knobs are set to, whatever their class. */
export function settingsOf({ design, server, session }: TunePoint): Record<string, string> {
  const built = Object.entries(design).map(([name, value]) => [name, String(value)])
  return { ...Object.fromEntries(built), ...server, ...session }
}

/** Points that are compared with each other: those of one path under one load. */
export function groupPoints(points: readonly TunePoint[]): MeasuredPoint[][] {
  const groups = new Map<string, MeasuredPoint[]>()
  for (const point of points) {
    if (point.status !== 'ok') continue
    const key = `${point.path} ${point.clients}`
    groups.set(key, [...(groups.get(key) ?? []), point])
  }
  return [...groups.values()]
}

/**
 * Main effects and importances over a grid. Both are of the logarithm of the throughput, in which knobs that multiply it
 * add up; a value whose points are not all there (some have failed) is compared by those that are.
 */
export function analyseEffects(points: readonly TunePoint[]): {
  effects: Effect[]
  importance: Importance[]
} {
  const groups = groupPoints(points).map((group) => analyseGroup(group))
  return {
    effects: groups.flatMap(({ effects }) => effects),
    importance: groups.flatMap(({ importance }) => importance),
  }
}

function analyseGroup(group: readonly MeasuredPoint[]): { effects: Effect[]; importance: Importance[] } {
  const { path, clients } = group[0]!
  const logs = group.map(({ qps }) => Math.log(qps.value))
  const centre = mean(logs)
  const total = sumOfSquares(logs, centre)
  const effects: Effect[] = []
  const importance: Importance[] = []
  for (const knob of Object.keys(settingsOf(group[0]!))) {
    const byValue = new Map<string, number[]>()
    for (const [i, point] of group.entries()) {
      const value = settingsOf(point)[knob]!
      byValue.set(value, [...(byValue.get(value) ?? []), logs[i]!])
    }
    if (byValue.size < 2) continue
    let explained = 0
    for (const [value, of] of byValue) {
      effects.push({ path, clients, knob, value, ratio: Math.exp(mean(of) - centre) })
      explained += of.length * (mean(of) - centre) ** 2
    }
    importance.push({ path, clients, knob, share: total === 0 ? 0 : explained / total })
  }
  return { effects, importance: importance.sort((a, b) => b.share - a.share) }
}

function sumOfSquares(values: readonly number[], centre: number): number {
  return values.reduce((sum, value) => sum + (value - centre) ** 2, 0)
}
