import { describe, expect, test } from 'vitest'
import { exactSearchPowers, fitGrowth, linearPowers, type Measured } from '#src/capacity/fit.js'
import { quantileOf } from '#src/capacity/quantile.js'
import { Random } from '#src/stats/random.js'
import { sizes } from './growth.js'

const pointsOf = (law: (rows: number) => number): Measured[] =>
  sizes.map((rows) => ({ rows, value: law(rows) }))
const far = 2_000_000

describe('a law of the kind that is fitted', () => {
  test.each([
    ['a scan', (n: number) => 0.2 + 5e-6 * n],
    ['a scan and its survivors', (n: number) => 0.15 + 4e-4 * n ** (2 / 3) + 2e-6 * n],
    ['a scan alone', (n: number) => 3e-6 * n],
  ])('is found: %s', (_title, law) => {
    const growth = fitGrowth(pointsOf(law), exactSearchPowers)
    for (const rows of [20_000, far, 10 * far]) {
      expect(growth.at(rows).middle / law(rows)).toBeCloseTo(1, 3)
      expect(growth.at(rows).low).toBeLessThan(law(rows))
      expect(growth.at(rows).high).toBeGreaterThan(law(rows))
    }
  })

  test('is found for a single power, and for bytes', () => {
    const power = fitGrowth(
      pointsOf((n) => 0.02 * n ** 0.3),
      'one',
    )
    expect(power.terms[0]).toMatchObject({ power: expect.closeTo(0.3, 6), factor: expect.closeTo(0.02, 6) })
    const bytes = fitGrowth(
      pointsOf((n) => 8192 + 960 * n),
      linearPowers,
    )
    expect(bytes.at(1e9).middle / 9.6e11).toBeCloseTo(1, 3)
  })
})

test('with the noise of a busy machine the interval holds the truth ten times as far, and most estimates are near it', () => {
  const law = (n: number) => 0.15 + 2e-4 * n ** (2 / 3) + 2e-6 * n
  const random = new Random(7)
  let held = 0
  let near = 0
  const runs = 500
  for (let run = 0; run < runs; run++) {
    const points = pointsOf((n) => law(n) * (1 + 0.03 * random.bell()))
    const { low, middle, high } = fitGrowth(points, exactSearchPowers).at(far)
    if (low <= law(far) && law(far) <= high) held++
    if (Math.abs(middle / law(far) - 1) <= 0.25) near++
    expect(low).toBeLessThan(middle)
    expect(middle).toBeLessThan(high)
  }
  expect(held / runs).toBeGreaterThan(0.95)
  expect(near / runs).toBeGreaterThan(0.8)
})

test('times that fall with the rows are noise: every row still costs something', () => {
  const points = sizes.map((rows, i) => ({ rows, value: 1 - 0.1 * i }))
  for (const powers of [exactSearchPowers, linearPowers] as const) {
    const growth = fitGrowth(points, powers)
    expect(growth.at(far).middle).toBeGreaterThan(0)
    expect(growth.at(far).high).toBeGreaterThanOrEqual(growth.at(sizes[0]).low)
  }
})

test('three points are never met exactly', () => {
  const points = pointsOf((n) => 0.15 + 4e-4 * n ** (2 / 3) + 2e-6 * n).slice(0, 3)
  expect(fitGrowth(points, exactSearchPowers).terms.length).toBeLessThan(3)
})

test('quantiles of the normal distribution', () => {
  for (const [share, value] of [
    [0.5, 0],
    [0.95, 1.644854],
    [0.999, 3.090232],
    [0.025, -1.959964],
  ] as const) {
    expect(quantileOf(share)).toBeCloseTo(value, 4)
  }
})
