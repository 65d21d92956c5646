import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { decide, type MetricSamples } from '#src/gate/decide.js'
import { Random } from '#src/stats/random.js'
import { mean, variance } from '#src/stats/samples.js'

/**
 * Median times of 4,096 turns of 100 searches each, one after the other, of VectorSet over 5,000 x 64 (2 cores of an EPYC, Zen
 * 5, while ten other processes compiled and measured): 1e-4 of the logarithm, less its mean.
 */
const noise = readFileSync(new URL('recorded-noise.txt', import.meta.url), 'utf8')
  .trim()
  .split(/\s+/)
  .map((text) => Number(text) * 1e-4)

const blocks = 16
const turnsOfBlock = 4

/** The log ratio of each block, whose four turns met the noise as it was recorded from `start` on. */
function measureBlocks(start: number, rows: number, effect: number, random: Random): number[] {
  return Array.from({ length: blocks }, (_, block) => {
    // Blocks of other rows lie between two of this one.
    const first = start + block * turnsOfBlock * rows
    const [a, b, c, d] = noise.slice(first, first + turnsOfBlock) as [number, number, number, number]
    const [outer, inner] = [Math.min(a, d), Math.min(b, c)]
    return effect + (random.below(2) === 0 ? inner - outer : outer - inner)
  })
}

/** The share of 2,000 runs, from anywhere in the recording, whose interval holds what was planted. */
function coverage(rows: number): number {
  const random = new Random(61)
  const truth = Math.log1p(0.02)
  const runs = 2000
  const held = Array.from({ length: runs }, () => {
    const start = random.below(noise.length - blocks * turnsOfBlock * rows)
    const stages: MetricSamples['stages'] = [measureBlocks(start, rows, truth, random)]
    const [{ ci95 }] = decide([{ subject: 'addon-exact', metric: 'time', unit: 'log-ratio', stages }]) as [
      ReturnType<typeof decide>[number],
    ]
    return ci95[0] <= truth && truth <= ci95[1]
  })
  return held.filter(Boolean).length / runs
}

describe('noise that was recorded on a busy machine', () => {
  it('is autocorrelated: what a turn meets, the next ones meet as well', () => {
    const correlate = (lag: number) =>
      mean(noise.slice(lag).map((value, i) => value * noise[i]!)) / variance(noise)
    expect(noise).toHaveLength(4096)
    expect(correlate(1)).toBeGreaterThan(0.7)
    expect(correlate(16)).toBeGreaterThan(0.5)
  })

  it.each([1, 5, 20])('leaves the truth in 94 of 100 intervals of a row, beside %i', (rows) => {
    expect(coverage(rows)).toBeGreaterThanOrEqual(0.94)
  })
})
