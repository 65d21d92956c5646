import { describe, expect, test } from 'vitest'
import { differenceP, expOf, logOf, subtractEstimates } from '#src/stats/difference.js'

describe('what lies between two estimates', () => {
  test('has the interval that follows from theirs', () => {
    const difference = subtractEstimates({ value: 10, ci95: [7, 14] }, { value: 4, ci95: [1, 8] })
    // Down: the first could be 3 lower, the second 4 higher. Up: 4 and 3.
    expect(difference).toEqual({ value: 6, ci95: [1, 11] })
  })

  test('of logarithms is a ratio', () => {
    const ratio = expOf(
      subtractEstimates(logOf({ value: 3, ci95: [3, 3] }), logOf({ value: 2, ci95: [1.6, 2.5] })),
    )
    expect([ratio.value, ...ratio.ci95]).toEqual([1.5, 1.2, 1.875].map((value) => expect.closeTo(value, 9)))
  })
})

describe('its p-value', () => {
  test('is .05 where the interval just touches 0, whatever the degrees', () => {
    for (const degrees of [2, 9, 30, 500]) {
      expect(differenceP({ value: 2, ci95: [0, 9] }, degrees)).toBeCloseTo(0.05, 3)
      expect(differenceP({ value: -2, ci95: [-9, 0] }, degrees)).toBeCloseTo(0.05, 3)
    }
  })

  test('falls with the distance', () => {
    expect(differenceP({ value: 4, ci95: [2, 6] }, 11)).toBeLessThan(0.01)
    expect(differenceP({ value: 1, ci95: [-1, 3] }, 11)).toBeGreaterThan(0.2)
  })

  test('is 1 where nothing is known of the error', () => {
    expect(differenceP({ value: 3, ci95: [3, 3] }, 11)).toBe(1)
    expect(differenceP({ value: 3, ci95: [2, 4] }, 0)).toBe(1)
    expect(differenceP({ value: 0, ci95: [0, 0] }, 11)).toBe(1)
  })
})
