import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readPowerSaving } from '#src/measure/caveats/power-saving.js'
import { listWarnings } from '#src/measure/caveats/warnings.js'
import type { LaneRecord } from '#src/measure/lane/lane-run.js'
import type { Corpus, Plan } from '#src/paths/search-path.js'
import { createLineDataset, laneOf, PlainCorpus } from './plain-corpus.js'

const dataset = createLineDataset(1000, [10, 20])

interface RecordParts {
  readonly id?: string
  readonly rounds?: readonly number[][]
  readonly variant?: Readonly<Record<string, number | string>>
  readonly plan?: Partial<Plan>
  readonly isUnsteady?: boolean
  readonly clientUse?: number
  readonly queries?: number
  readonly needsServer?: boolean
  readonly outOfLineBytes?: number
}

function recordOf(parts: RecordParts): LaneRecord {
  const { id = 'sql', rounds = [[1], [1]], variant = {}, plan, isUnsteady = false } = parts
  const { clientUse = 0.2, queries = 200, needsServer = true, outOfLineBytes = 0 } = parts
  const corpus: Corpus = new PlainCorpus(dataset, 1, { id })
  const facts = { settings: {}, isUnsteady, msPerQuery: 1, ...(plan && { plan: { ...plainPlan, ...plan } }) }
  const turns = rounds.map((times, round) => ({
    round,
    times: Float64Array.from(times),
    queryRows: Uint32Array.from(times, () => 0),
    count: times.length,
    wallMs: 1,
    isCut: false,
    clientUse,
    hits: new Map(),
  }))
  const load = { ms: 1, rowsPerSecond: 1, outOfLineBytes }
  const stored = Object.assign(corpus, { path: { ...corpus.path, needsServer }, load })
  const hits = new Map(Array.from({ length: queries }, (_, row) => [row, Uint32Array.of(row)]))
  return { lane: laneOf(stored, { variant }), facts, turns, hits }
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

  const listed = (parts: RecordParts, observed = {}) =>
    listWarnings({ records: [recordOf(parts)], ...observed })

  it('power saving, as the system says it', async () => {
    const root = await mkdtemp(join(tmpdir(), 'simdgres-sysfs-'))
    const cpufreq = join(root, 'devices/system/cpu/cpu0/cpufreq')
    const battery = join(root, 'class/power_supply/BAT0')
    const write = async (folder: string, files: Readonly<Record<string, string>>) => {
      await mkdir(folder, { recursive: true })
      for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), `${text}\n`)
    }
    try {
      expect(await readPowerSaving(root)).toEqual([])
      const full = { scaling_max_freq: '4000000', cpuinfo_max_freq: '4000000' }
      // The processor decides by itself there, and this is the default.
      await write(cpufreq, { scaling_governor: 'powersave', scaling_driver: 'intel_pstate', ...full })
      expect(await readPowerSaving(root)).toEqual([])
      await write(cpufreq, { scaling_driver: 'acpi-cpufreq', scaling_max_freq: '1600000' })
      await write(battery, { status: 'Discharging' })
      const powerSaving = await readPowerSaving(root)
      expect(powerSaving).toEqual([
        'the governor is powersave',
        'its clock is limited to 1600 of 4000 MHz',
        'the machine runs on its battery BAT0',
      ])
      expect(listWarnings({ records: [], powerSaving })).toEqual([
        expect.stringMatching(/the governor is powersave; .* set the governor performance/),
      ])
    } finally {
      await rm(root, { recursive: true })
    }
  })

  it('a cold cache', () => {
    expect(listed({ plan: { buffers: { hit: 999, read: 1 } } })).toEqual([])
    expect(listed({ plan: { buffers: { hit: 500, read: 1500 } } })).toEqual([
      expect.stringMatching(/sql \(1500 of 2000 blocks\)\. .*raise --memory/),
    ])
  })

  it('a client that is the limit, in rows that ask a server', () => {
    expect(listed({ clientUse: 0.8 })).toEqual([])
    expect(listed({ clientUse: 0.99, needsServer: false })).toEqual([])
    expect(listed({ clientUse: 0.99 })).toEqual([
      expect.stringMatching(/sql \(busy 99 % of the time\)\. .*fewer clients/),
    ])
  })

  it('too few queries', () => {
    expect(listed({ queries: 100 })).toEqual([])
    expect(listed({ queries: 33 })).toEqual([
      expect.stringMatching(/sql \(33\)\. .*--seconds, or raise --queries/),
    ])
  })

  it('fewer rows than asked for, with what goes on for more', () => {
    // One row came back for each query.
    expect(listed({}, { k: 1 })).toEqual([])
    expect(listed({ variant: { filter: '1%', ef_search: 40 } }, { k: 10 })).toEqual([
      expect.stringMatching(
        /asked for: sql filter=1% ef_search=40 \(1\.00 of 10\)\. .*iterative_scan.*partial index/,
      ),
    ])
    expect(listed({ variant: { probes: 1 } }, { k: 10 })).toEqual([
      expect.stringMatching(/asked for: sql probes=1 \(1\.00 of 10\)\. .*raise ef_search or probes/),
    ])
  })

  it.each([
    ['vector', 'binary', undefined],
    ['real[]', 'binary', undefined],
    ['text', 'binary', 'sent as text'],
    ['double precision[]', 'binary', 'sent as double precision[]'],
    ['vector', 'text', 'sent as text'],
  ] as const)('vectors that the server has to read: %s in %s', (type, encoding, how) => {
    const warnings = listed({ plan: { queryVector: { type, encoding } } })
    if (how === undefined) return expect(warnings).toEqual([])
    expect(warnings).toEqual([expect.stringContaining(`sql (${how})`)])
    expect(warnings.join()).toContain('bind it in binary')
  })

  it('a query vector from a subquery', () => {
    expect(listed({ plan: { hasSubquery: true } })).toEqual([
      expect.stringMatching(/comes from a subquery: sql\. .*bind it as a parameter/),
    ])
  })

  it.each([
    [512, /storage=plain/],
    [3000, /halfvec holds/],
    [8000, /do not fit in a page/],
  ])('a baseline whose vectors of %i dimensions lie out of line', (dims, advice) => {
    expect(listed({}, { dims })).toEqual([])
    const warnings = listed({ id: 'pgvector-exact', outOfLineBytes: 8192 }, { dims })
    expect(warnings).toEqual([expect.stringMatching(advice)])
    expect(warnings.join()).toContain('out of line (TOAST)')
  })
})
