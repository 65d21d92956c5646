import { describe, expect, it } from 'vitest'
import { bootstrapMean, bootstrapPercentiles } from '#src/stats/bootstrap.js'
import { pairedRatio } from '#src/stats/paired-ratio.js'
import { Random } from '#src/stats/random.js'
import { mean, median, medianAbsoluteDeviation, percentile, sortSamples } from '#src/stats/samples.js'
import { studentQuantile } from '#src/stats/student-t.js'
import { wilsonInterval } from '#src/stats/wilson.js'

describe('percentiles', () => {
  it('interpolate as numpy.percentile does', () => {
    const samples = sortSamples([15, 20, 35, 40, 50])
    expect(percentile(samples, 0)).toBe(15)
    expect(percentile(samples, 40)).toBeCloseTo(29, 12)
    expect(percentile(samples, 95)).toBeCloseTo(48, 12)
    expect(percentile(samples, 100)).toBe(50)
  })

  it('take one sample, and none', () => {
    expect(percentile(sortSamples([7]), 99)).toBe(7)
    expect(percentile(sortSamples([]), 50)).toBeNaN()
  })

  it('leave the input in its order', () => {
    const samples = [3, 1, 2]
    expect(median(sortSamples(samples))).toBe(2)
    expect(samples).toEqual([3, 1, 2])
  })

  it('give the median absolute deviation of the textbook example', () => {
    expect(medianAbsoluteDeviation(sortSamples([1, 1, 2, 2, 4, 6, 9]))).toBe(1)
  })

  it('give the mean', () => {
    expect(mean([1, 2, 3, 10])).toBe(4)
    expect(mean([])).toBeNaN()
  })
})

describe('bootstrap intervals', () => {
  it('of the mean match the normal theory: 1.96 * sigma / sqrt(n)', () => {
    const random = new Random(7)
    const groups = Array.from({ length: 400 }, () => [10 + 2 * random.bell()])
    const [low, high] = bootstrapMean(groups, new Random(8))
    expect(high - low).toBeGreaterThan(0.9 * 0.392)
    expect(high - low).toBeLessThan(1.1 * 0.392)
  })

  it.each([12, 40])('of %i groups cover the true mean in about 95 of 100 experiments', (count) => {
    const random = new Random(11)
    let covered = 0
    for (let experiment = 0; experiment < 400; experiment++) {
      const groups = Array.from({ length: count }, () => [10 + random.bell()])
      const [low, high] = bootstrapMean(groups, random)
      if (low <= 10 && 10 <= high) covered++
    }
    // 95 % of 400, two standard deviations of that count on both sides.
    expect(covered).toBeGreaterThanOrEqual(371)
    expect(covered).toBeLessThanOrEqual(389)
  })

  it('are wider when samples of a group go together', () => {
    const random = new Random(3)
    const grouped = Array.from({ length: 20 }, () => {
      const offset = 10 + random.bell()
      return Array.from({ length: 50 }, () => offset + 0.1 * random.bell())
    })
    const single = grouped.flat().map((value) => [value])
    const width = ([low, high]: readonly number[]) => high! - low!
    expect(width(bootstrapMean(grouped, random))).toBeGreaterThan(3 * width(bootstrapMean(single, random)))
  })

  it('of percentiles match the order statistics', () => {
    const groups = Array.from({ length: 1000 }, (_, i) => [i])
    const [p50, p95] = bootstrapPercentiles(groups, [50, 95], new Random(9))
    // Binomial(1000, p): the 95 % limits of the rank are 1000 p -+ 1.96 sqrt(1000 p (1 - p)).
    expect(p50![0]).toBeCloseTo(469, -1)
    expect(p50![1]).toBeCloseTo(530, -1)
    expect(p95![0]).toBeCloseTo(936, -1)
    expect(p95![1]).toBeCloseTo(963, -1)
  })

  it('collapse when every sample is the same', () => {
    expect(bootstrapMean([[5], [5], [5]], new Random(1))).toEqual([5, 5])
    expect(bootstrapPercentiles([[5, 5], []], [50, 99], new Random(1))).toEqual([
      [5, 5],
      [5, 5],
    ])
  })
})

describe('a paired ratio', () => {
  it('ignores what both sides of a round share', () => {
    const random = new Random(13)
    const slow = Array.from({ length: 12 }, () => [1 + 9 * (random.next() / 2 ** 32)])
    const fast = slow.map(([value]) => [value! / 2 + 0.001 * random.bell()])
    const { value, ci95, pairs } = pairedRatio(slow, fast)
    expect(value).toBeCloseTo(2, 2)
    expect(ci95[0]).toBeGreaterThan(1.99)
    expect(ci95[1]).toBeLessThan(2.01)
    expect(pairs).toBe(12)
  })

  it('covers the true ratio in about 95 of 100 runs of 12 rounds that disturb each side by itself', () => {
    const random = new Random(17)
    let covered = 0
    for (let run = 0; run < 1000; run++) {
      const side = (ms: number, samples: number) =>
        Array.from({ length: 12 }, () => {
          const disturbed = ms * Math.exp(0.05 * random.bell())
          return Array.from({ length: samples }, () => disturbed * Math.exp(0.02 * random.bell()))
        })
      const { ci95 } = pairedRatio(side(20, 14), side(10, 28))
      if (ci95[0] <= 2 && 2 <= ci95[1]) covered++
    }
    // 95 % of 1000, two standard deviations of that count on both sides.
    expect(covered).toBeGreaterThanOrEqual(936)
    expect(covered).toBeLessThanOrEqual(964)
  })

  it('of one round claims no spread, of none no value', () => {
    expect(pairedRatio([[1, 3]], [[1]])).toEqual({ value: 2, ci95: [2, 2], pairs: 1 })
    expect(pairedRatio([[1]], [[]]).value).toBeNaN()
  })
})

describe("Student's t", () => {
  it('is the table’s, and goes over into the normal quantile', () => {
    expect(studentQuantile(1)).toBe(12.706)
    expect(studentQuantile(11)).toBe(2.201)
    expect(studentQuantile(40)).toBeCloseTo(2.021, 2)
    expect(studentQuantile(120)).toBeCloseTo(1.98, 3)
  })
})

describe('the interval of a proportion', () => {
  it('is Wilson’s: 81 of 263', () => {
    // Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    const [low, high] = wilsonInterval(81, 263)
    expect(low).toBeCloseTo(0.2553, 4)
    expect(high).toBeCloseTo(0.3662, 4)
  })

  it('stays inside [0, 1] and off the edge it cannot prove', () => {
    const [low, high] = wilsonInterval(20, 20)
    expect(low).toBeCloseTo(0.8389, 4)
    expect(high).toBe(1)
    expect(wilsonInterval(0, 29)[0]).toBe(0)
  })
})
