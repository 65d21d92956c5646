import ttest from '@stdlib/stats-ttest'
import { describe, expect, it } from 'vitest'
import { clusteredShareInterval } from '#src/stats/clustered-share.js'
import { Random } from '#src/stats/random.js'
import { wilsonInterval } from '#src/stats/wilson.js'

const places = 10

/** Shares of queries whose places are found with one chance in easy ones, and with another in hard ones. */
function drawShares(random: Random, count: number, { hard = 0, easyChance = 1, hardChance = 0 }): number[] {
  const happens = (chance: number) => random.below(2 ** 30) < chance * 2 ** 30
  return Array.from({ length: count }, () => {
    const chance = happens(hard) ? hardChance : easyChance
    let found = 0
    for (let place = 0; place < places; place++) if (happens(chance)) found++
    return found / places
  })
}

/** Of `draws` intervals, the share that holds the true mean. */
function coverage(count: number, kind: Parameters<typeof drawShares>[2], interval = clusteredShareInterval) {
  const { hard = 0, easyChance = 1, hardChance = 0 } = kind
  const truth = (1 - hard) * easyChance + hard * hardChance
  const random = new Random(5)
  const draws = 2000
  let covered = 0
  for (let draw = 0; draw < draws; draw++) {
    const [low, high] = interval(drawShares(random, count, kind))
    if (low <= truth && truth <= high) covered++
  }
  return covered / draws
}

describe('the interval of a mean of shares', () => {
  it.each([
    ['places that go together, as far as they can', { hard: 0.1 }],
    ['places that go together', { hard: 0.3, easyChance: 0.95, hardChance: 0.4 }],
    ['independent places', { easyChance: 0.8 }],
    ['a tenth of hard queries', { hard: 0.1, easyChance: 0.99, hardChance: 0.5 }],
  ])('holds the true mean in 95 of 100 runs with %s', (_, kind) => {
    expect(coverage(100, kind)).toBeGreaterThan(0.92)
    expect(coverage(300, kind)).toBeGreaterThan(0.93)
  })

  it('loses little where so few queries are hard that a run may meet none of them', () => {
    expect(coverage(100, { hard: 0.02, easyChance: 0.999, hardChance: 0.5 })).toBeGreaterThan(0.85)
  })

  it('does so where an interval over all places, taken for independent, does not', () => {
    const overPlaces = (shares: readonly number[]) => {
      const trials = shares.length * places
      return wilsonInterval(shares.reduce((sum, share) => sum + share, 0) * places, trials)
    }
    expect(coverage(100, { hard: 0.1 }, overPlaces)).toBeLessThan(0.6)
  })

  it('covers by exact enumeration where queries are found as a whole or not at all', () => {
    const count = 60
    for (const truth of [0.5, 0.7, 0.9, 0.95]) {
      let covered = 0
      let chance = (1 - truth) ** count
      for (let found = 0; found <= count; found++) {
        const shares = Array.from({ length: count }, (_, i) => (i < found ? 1 : 0))
        const [low, high] = clusteredShareInterval(shares)
        if (low <= truth && truth <= high) covered += chance
        chance *= ((count - found) / (found + 1)) * (truth / (1 - truth))
      }
      expect(covered).toBeGreaterThan(0.93)
      expect(covered).toBeLessThan(0.98)
    }
  })

  it("is Student's where there are many shares far from 0 and 1", () => {
    const shares = drawShares(new Random(7), 2000, { hard: 0.5, easyChance: 0.7, hardChance: 0.5 })
    const [low, high] = clusteredShareInterval(shares)
    const { ci } = ttest(shares)
    expect(low).toBeCloseTo(ci[0]!, 4)
    expect(high).toBeCloseTo(ci[1]!, 4)
  })

  it('takes equal shares for what they are: no other one was seen among so many', () => {
    const [least, most] = clusteredShareInterval([1, 1, 1])
    expect(least).toBeCloseTo(wilsonInterval(3, 3)[0], 12)
    expect(most).toBe(1)
    const [low, high] = clusteredShareInterval(Array.from({ length: 100 }, () => 0.9))
    const others = wilsonInterval(0, 100)[1]
    expect(low).toBeCloseTo(0.9 * (1 - others), 12)
    expect(high).toBeCloseTo(0.9 + 0.1 * others, 12)
    expect(clusteredShareInterval([0, 0])[0]).toBe(0)
  })
})
