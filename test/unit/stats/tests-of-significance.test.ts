import padjust from '@stdlib/stats-padjust'
import ttest from '@stdlib/stats-ttest'
import { describe, expect, it } from 'vitest'
import { adjustByHolm } from '#src/stats/holm.js'
import { Random } from '#src/stats/random.js'
import { signFlipP } from '#src/stats/sign-flip.js'
import { compareGroups, meanEstimate, meanInterval, studentInterval, studentP } from '#src/stats/student-t.js'

const cases = 1000

/** Every choice of signs, one by one; integers, so that sums are exact. */
function enumerateSigns(values: readonly number[]): number {
  const observed = values.reduce((sum, value) => sum + value, 0)
  let reaching = 0
  for (let signs = 0; signs < 2 ** values.length; signs++) {
    const sum = values.reduce((total, value, i) => total + ((signs >> i) & 1 ? -value : value), 0)
    if (sum >= observed) reaching++
  }
  return reaching / 2 ** values.length
}

describe('the sign-flip test', () => {
  it(`is the enumeration of all signs in ${cases} random cases`, () => {
    const random = new Random(1)
    for (let i = 0; i < cases; i++) {
      const shift = random.below(5)
      const values = Array.from({ length: 1 + random.below(11) }, () => random.below(19) - 9 + shift)
      expect(signFlipP(values)).toBe(enumerateSigns(values))
    }
  })

  it('counts sums that differ from the observed one by rounding alone', () => {
    // In another order 0.1 + 0.2 + 0.3 is another number; all signs positive must count all the same.
    expect(signFlipP([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])).toBe(2 ** -6)
    expect(signFlipP([0.3, -0.1, -0.2])).toBe(enumerateSigns([3, -1, -2]))
  })

  it('is certain of nothing where nothing differs, and takes 40 values', () => {
    expect(signFlipP(Array.from({ length: 16 }, () => 0))).toBe(1)
    expect(signFlipP(Array.from({ length: 40 }, () => 1))).toBe(2 ** -40)
    expect(() => signFlipP([])).toThrow(RangeError)
    expect(() => signFlipP(Array.from({ length: 41 }, () => 1))).toThrow(RangeError)
  })

  it('gives at most alpha of false alarms with skewed, heavy-tailed noise that is symmetric about 0', () => {
    const random = new Random(3)
    let alarms = 0
    for (let i = 0; i < 4000; i++) {
      const values = Array.from({ length: 16 }, () => random.bell() ** 3)
      if (signFlipP(values) <= 0.05) alarms++
    }
    // Binomial(4000, 0.05): 200 and three standard deviations.
    expect(alarms).toBeLessThan(242)
    expect(alarms).toBeGreaterThan(158)
  })
})

describe("Holm's adjustment", () => {
  it(`is @stdlib's in ${cases} random cases`, () => {
    const random = new Random(2)
    for (let i = 0; i < cases; i++) {
      const pValues = Array.from({ length: 1 + random.below(20) }, () => (random.below(1000) + 1) / 1000)
      const adjusted = adjustByHolm(pValues)
      const expected = padjust(pValues, 'holm') as number[]
      adjusted.forEach((p, index) => {
        expect(p).toBeCloseTo(expected[index]!, 12)
      })
    }
  })

  it('of nothing is nothing', () => {
    expect(adjustByHolm([])).toEqual([])
  })
})

describe("Student's interval of a mean", () => {
  it(`is @stdlib's within the three digits of the table in ${cases} random cases`, () => {
    const random = new Random(4)
    for (let i = 0; i < cases; i++) {
      const values = Array.from({ length: 2 + random.below(39) }, () => 10 + random.bell())
      const [low, high] = meanInterval(values)
      const ci = ttest(values).ci as [number, number]
      const width = ci[1] - ci[0]
      expect(Math.abs(low - ci[0])).toBeLessThan(width * 1e-3)
      expect(Math.abs(high - ci[1])).toBeLessThan(width * 1e-3)
    }
  })

  it('of fewer than two values rules nothing out', () => {
    expect(meanInterval([5])).toEqual([Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY])
  })
})

describe("Student's tests", () => {
  const draw = (random: Random, centre: number) =>
    Array.from({ length: 2 + random.below(12) }, () => centre + random.bell())

  it(`of one mean have @stdlib's p in ${cases} random cases`, () => {
    const random = new Random(6)
    for (let i = 0; i < cases; i++) {
      const values = draw(random, random.below(3) - 1)
      const estimate = meanEstimate(values)
      expect(studentP(estimate, 1)).toBeCloseTo(ttest(values, { alternative: 'greater' }).pValue, 9)
      expect(studentP(estimate, -1)).toBeCloseTo(ttest(values, { alternative: 'less' }).pValue, 9)
    }
  })

  it(`of two groups are the textbook's with equal variances in ${cases} random cases`, () => {
    const random = new Random(7)
    for (let i = 0; i < cases; i++) {
      const [first, second] = [draw(random, 0), draw(random, random.below(3) - 1)]
      const { centre, standardError, degrees } = compareGroups(first, second)
      const squares = [first, second].map((group) => {
        const average = group.reduce((sum, value) => sum + value, 0) / group.length
        return group.reduce((sum, value) => sum + (value - average) ** 2, 0)
      })
      expect(degrees).toBe(first.length + second.length - 2)
      const pooled = (squares[0]! + squares[1]!) / degrees
      expect(standardError).toBeCloseTo(Math.sqrt(pooled / first.length + pooled / second.length), 12)
      const [low, high] = studentInterval({ centre, standardError, degrees })
      expect((low + high) / 2).toBeCloseTo(centre, 12)
    }
  })

  it('know nothing of a single value, and are certain of values that agree', () => {
    expect(studentP(meanEstimate([5]), 1)).toBe(1)
    expect(studentP(compareGroups([1], [0]), 1)).toBe(1)
    expect(studentP(compareGroups([1, 1], [0, 0]), 1)).toBe(0)
    expect(studentP(compareGroups([1, 1], [1, 1]), 1)).toBe(1)
  })
})
