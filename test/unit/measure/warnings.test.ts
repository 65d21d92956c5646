import { describe, expect, it } from 'vitest'
import type { LaneRecord } from '#src/measure/lane-run.js'
import { listWarnings } from '#src/measure/warnings.js'
import type { Plan } from '#src/paths/search-path.js'
import { createLineDataset, laneOf, PlainCorpus } from './plain-corpus.js'

const dataset = createLineDataset(1000, [10, 20])

interface RecordParts {
  readonly id?: string
  readonly rounds?: readonly number[][]
  readonly variant?: Readonly<Record<string, number>>
  readonly plan?: Partial<Plan>
  readonly isUnsteady?: boolean
}

function recordOf({ id = 'sql', rounds = [[1], [1]], variant = {}, plan, isUnsteady = false }: RecordParts) {
  const corpus = new PlainCorpus(dataset, 1, { id })
  const facts = { settings: {}, isUnsteady, msPerQuery: 1, ...(plan && { plan: { ...plainPlan, ...plan } }) }
  const turns = rounds.map((times, round) => ({
    round,
    times: Float64Array.from(times),
    queryRows: Uint32Array.from(times, () => 0),
    count: times.length,
    wallMs: 1,
    isCut: false,
    hits: new Map(),
  }))
  return { lane: laneOf(corpus, { variant }), facts, turns, hits: new Map() } satisfies LaneRecord
}

const plainPlan: Plan = {
  nodes: ['Limit'],
  workersPlanned: 0,
  workersLaunched: 0,
  buffers: { hit: 100, read: 0 },
  compilesJit: false,
  hasSubquery: false,
  text: 'Limit',
}

describe('a reader is warned of', () => {
  it('a noisy machine, with the worst row', () => {
    const calm = recordOf({
      id: 'null',
      rounds: [
        [1, 1],
        [1.01, 1.01],
        [1, 1],
      ],
    })
    const rough = recordOf({ id: 'addon-exact', rounds: [[1], [2], [3]], variant: { threads: 1 } })
    expect(listWarnings({ records: [calm] })).toEqual([])
    expect(listWarnings({ records: [calm, rough] })).toEqual([
      expect.stringMatching(
        /1 of 2 rows, most in addon-exact threads=1 \(50 %\)\. Stop what else runs.*--seconds/,
      ),
    ])
  })

  it('rows that had not warmed up, in one sentence', () => {
    const records = [1, 2, 3, 4, 5].map((threads) => recordOf({ variant: { threads }, isUnsteady: true }))
    expect(listWarnings({ records })).toEqual([
      expect.stringMatching(/warm-up ended: sql threads=1, .* and 2 more rows\. A longer profile/),
    ])
  })

  it('workers that other sessions had', () => {
    const full = recordOf({ variant: { workers: 2 }, plan: { workersPlanned: 2, workersLaunched: 2 } })
    const short = recordOf({ variant: { workers: 3 }, plan: { workersPlanned: 3, workersLaunched: 1 } })
    expect(listWarnings({ records: [full] })).toEqual([])
    expect(listWarnings({ records: [full, short] })).toEqual([
      expect.stringMatching(/sql workers=3 \(1 of 3 launched\)\. .*raise max_parallel_workers/),
    ])
  })
})
