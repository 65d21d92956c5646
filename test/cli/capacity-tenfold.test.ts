import { availableParallelism } from 'node:os'
import { expect, test } from 'vitest'
import { fitLaws } from '#src/capacity/estimate.js'
import { measureGrowth } from '#src/capacity/measure.js'
import { silent } from '#src/progress.js'
import type { GrowthPoint, GrowthRun } from '#src/result/capacity-schema.js'
import { titleWith } from '../skip-reasons.js'

/**
 * What an estimate is worth: it is fitted to five sizes, and a set ten times as large as the last is measured. On demand,
 * on a machine with nothing else to do: dimensions, and the rows of the last size, of whose quarter no cache holds the index:
 *   SIMDGRES_TENFOLD=768x350000 npx vitest run --project cli test/cli/capacity-tenfold.test.ts
 */
const asked = /^(\d+)x(\d+)$/.exec(process.env['SIMDGRES_TENFOLD'] ?? '')
const problem = asked ? undefined : 'SIMDGRES_TENFOLD names no dimensions and rows, such as 768x350000'
const bar = 0.25

const control = { progress: silent, signal: new AbortController().signal }

function grow(sizes: readonly number[], dims: number): Promise<GrowthRun> {
  const threads = availableParallelism()
  const fixed = { metric: 'l2', k: 10, recall: 1, seconds: 6, target: 'local', settings: {} } as const
  return measureGrowth({ ...fixed, sizes, dims, threads, clients: threads }, control)
}

test.skipIf(problem !== undefined)(
  titleWith(problem, 'a set ten times as large is within 25 %'),
  async () => {
    const [dims, largest] = [Number(asked?.[1]), Number(asked?.[2])]
    const fitted = await grow(
      [4, 8 / 3, 2, 4 / 3, 1].map((part) => Math.round(largest / part)),
      dims,
    )
    const far = (await grow([10 * largest], dims)).points[0] as GrowthPoint
    const laws = fitLaws(fitted)
    const found = (
      [
        ['p50Ms', laws.p50],
        ['p95Ms', laws.p95],
        ['meanMs', laws.mean],
        ['buildMs', laws.build],
        ['indexBytes', laws.index],
      ] as const
    ).map(([field, law]) => {
      const { low, middle, high } = law.at(10 * largest)
      return { field, measured: far[field], low, middle, high, ratio: middle / far[field] }
    })
    process.stdout.write(
      `${JSON.stringify({ points: fitted.points, terms: laws.p50.terms, found }, undefined, 1)}\n`,
    )
    for (const { field, ratio } of found) {
      // The tail of a few hundred queries is too short for more than its order.
      if (field === 'p95Ms') continue
      expect(Math.abs(ratio - 1), `${field}: ${ratio}`).toBeLessThan(bar)
    }
  },
  1_800_000,
)
