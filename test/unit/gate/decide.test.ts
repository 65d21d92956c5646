import { describe, expect, it } from 'vitest'
import { decide, defaultPolicy, type MetricSamples } from '#src/gate/decide.js'
import { Random } from '#src/stats/random.js'

/** As measured between two paired blocks on two shared cores: a standard deviation of 2 %. */
const noise = 0.02

function blocks(random: Random, effect: number, count = 16, deviation = noise): number[] {
  return Array.from({ length: count }, () => effect + deviation * random.bell())
}

function metric(
  subject: string,
  first: readonly number[],
  second?: readonly number[],
  more: Partial<MetricSamples> = {},
): MetricSamples {
  return { subject, metric: 'p50', unit: 'log-ratio', stages: second ? [first, second] : [first], ...more }
}

describe('a gate decision', () => {
  const random = new Random(5)

  it('asks for a second stage before anybody is told, and only for what the first one flags', () => {
    const verdicts = decide([metric('slower', blocks(random, 0.08)), metric('same', blocks(random, 0))])
    expect(verdicts.map(({ needsConfirmation }) => needsConfirmation)).toEqual([true, false])
    expect(verdicts.map(({ outcome }) => outcome)).toEqual(['ok', 'ok'])
  })

  it('says regressed where both stages do, and improved in the other direction', () => {
    const verdicts = decide([
      metric('slower', blocks(random, 0.08), blocks(random, 0.08)),
      metric('faster', blocks(random, -0.08), blocks(random, -0.08)),
    ])
    expect(verdicts.map(({ outcome }) => outcome)).toEqual(['regressed', 'improved'])
    expect(verdicts[0]!.ci95[0]).toBeGreaterThan(0.05)
    expect(verdicts[0]!.pAdjusted).toBeLessThanOrEqual(defaultPolicy.alpha)
  })

  it('takes back what the second stage does not confirm', () => {
    const [verdict] = decide([metric('a', blocks(random, 0.03, 16, 0.005), blocks(random, 0, 16, 0.005))])
    expect(verdict).toMatchObject({ outcome: 'ok', needsConfirmation: false })
  })

  it('lets a sure change pass that is smaller than the policy minds', () => {
    const [verdict] = decide([metric('a', blocks(random, 0.008, 16, 0.001))])
    expect(verdict).toMatchObject({ outcome: 'ok', needsConfirmation: false })
  })

  it('never says ok where a change that matters is not ruled out', () => {
    const [verdict] = decide([metric('a', blocks(random, 0, 16, 0.3))])
    expect(verdict!.outcome).toBe('inconclusive')
    expect(verdict!.reason).toContain('Measure longer')
  })

  it('decides nothing from too few blocks', () => {
    const [verdict] = decide([metric('a', blocks(random, 0.2, 15))])
    expect(verdict).toMatchObject({ outcome: 'inconclusive', needsConfirmation: false })
    expect(verdict!.reason).toContain('15 blocks')
  })

  it('judges nothing where a control differs', () => {
    const verdicts = decide([
      metric('null', blocks(random, 0.05), undefined, { isControl: true }),
      metric('slower', blocks(random, 0.08), blocks(random, 0.08)),
    ])
    expect(verdicts.map(({ outcome }) => outcome)).toEqual(['inconclusive', 'inconclusive'])
    expect(verdicts[1]!.reason).toContain('The control null differs')
  })

  it('weighs a lost half point of recall, and takes a recall that did not move for equal', () => {
    const share = { metric: 'recall', unit: 'share' } as const
    const lost = Array.from({ length: 16 }, () => 0.005)
    const kept = lost.map(() => 0)
    expect(decide([metric('a', lost, lost, share), metric('b', kept, undefined, share)])).toMatchObject([
      { outcome: 'regressed' },
      { outcome: 'ok', effect: 0, p: 1 },
    ])
  })

  it('makes twenty metrics together as hard to alarm as one', () => {
    let alarms = 0
    for (let run = 0; run < 300; run++) {
      const metrics = Array.from({ length: 20 }, (_, i) => metric(String(i), blocks(random, 0)))
      if (decide(metrics).some(({ needsConfirmation }) => needsConfirmation)) alarms++
    }
    // Two directions at alpha = 1 % each: 6 of 300 expected at most, and three standard deviations.
    expect(alarms).toBeLessThan(14)
  }, 120_000)
})
