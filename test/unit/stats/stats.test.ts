import { describe, expect, it } from 'vitest'
import { Random } from '#src/datasets/random.js'
import { bootstrapMean, bootstrapPercentiles, bootstrapRatio } from '#src/stats/bootstrap.js'
import { mean, median, medianAbsoluteDeviation, percentile, sortSamples } from '#src/stats/samples.js'
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

  it('cover the true mean in about 95 of 100 experiments', () => {
    const random = new Random(11)
    let covered = 0
    for (let experiment = 0; experiment < 200; experiment++) {
      const groups = Array.from({ length: 40 }, () => [random.bell()])
      const [low, high] = bootstrapMean(groups, random)
      if (low <= 0 && 0 <= high) covered++
    }
    expect(covered).toBeGreaterThanOrEqual(178)
    expect(covered).toBeLessThanOrEqual(198)
  })

  it('are wider when samples of a group go together', () => {
    const random = new Random(3)
    const grouped = Array.from({ length: 20 }, () => {
      const offset = random.bell()
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

  it('of a paired ratio ignore what both sides share', () => {
    const random = new Random(13)
    const slow = Array.from({ length: 200 }, () => 1 + 9 * (random.next() / 2 ** 32))
    const fast = slow.map((value) => value / 2 + 0.001 * random.bell())
    const [low, high] = bootstrapRatio(slow, fast, new Random(14))
    expect(low).toBeGreaterThan(1.999)
    expect(high).toBeLessThan(2.001)
  })

  it('collapse when every sample is the same', () => {
    expect(bootstrapMean([[5], [5], [5]], new Random(1))).toEqual([5, 5])
    expect(bootstrapPercentiles([[5, 5], []], [50, 99], new Random(1))).toEqual([
      [5, 5],
      [5, 5],
    ])
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
