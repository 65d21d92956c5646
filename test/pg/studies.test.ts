import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { SimdgresError } from '#src/errors.js'
import { Experiment, type Observations } from '#src/measure/experiment.js'
import { shuffledRounds } from '#src/measure/schedule/shuffled-rounds.js'
import type { StudyRequest } from '#src/measure/studies/study-rows.js'
import { type Progress, silent } from '#src/progress.js'
import { LocalTarget } from '#src/targets/local/local-target.js'
import type { TargetOptions } from '#src/targets/target.js'

const profile = { rounds: 2, budgetMs: 100, maxQueries: 100, warmUpMs: 50 }
let experiment: Experiment | undefined
afterEach(async () => {
  expect(await experiment?.close()).toEqual([])
  experiment = undefined
})

/** Rounds of two paths, and studies behind them. */
async function study(
  createTarget: (options: TargetOptions) => LocalTarget,
  asked: Pick<StudyRequest, 'cold' | 'whileInserting'>,
  {
    progress = silent,
    stopper = new AbortController(),
  }: { progress?: Progress; stopper?: AbortController } = {},
): Promise<Observations> {
  const { signal } = stopper
  const question = { dataset: 'synthetic-1000x16-i8', queries: 20, k: 5, seed: 1, threads: 1 }
  experiment = await Experiment.open(question, { progress, signal })
  const arm = await experiment.prepare({
    name: 'bench',
    target: createTarget({ progress, signal }),
    settings: {},
    paths: [{ id: 'pgvector-exact' }, { id: 'pgvector-hnsw' }],
    threads: 1,
    isLogged: true,
  })
  const schedule = shuffledRounds({ ...profile, random: () => experiment!.random() })
  const rounds = await experiment.measure(arm.lanes(), schedule, profile.warmUpMs)
  return experiment.study(arm, rounds, { ...profile, ...asked })
}

it('a study that fails is a warning, and takes neither the rounds nor the next study with it', async () => {
  class Stuck extends LocalTarget {
    override async dropPageCache(): Promise<never> {
      throw new SimdgresError('ERR_RESOURCE', 'The page cache stays', 'Buy another machine.')
    }
  }
  const observed = await study((options) => new Stuck(options), { cold: 1, whileInserting: 100 })
  const { summary } = await experiment!.summarise(observed)
  expect(summary.isComplete).toBe(true)
  expect(summary.warnings).toContainEqual('--cold failed: The page cache stays')
  const rows = summary.paths.flatMap((row) => (row.status === 'ok' ? [row] : []))
  expect(new Set(rows.map(({ id }) => id))).toEqual(new Set(['pgvector-exact', 'pgvector-hnsw']))
  expect(rows.filter(({ cold }) => cold)).toEqual([])
  expect(rows.filter(({ inserting }) => inserting)).toHaveLength(2)
})

it('a run that is stopped in a study keeps its rounds and the studies before, as one that is stopped in its rounds', async () => {
  const stopper = new AbortController()
  const progress: Progress = {
    note: () => undefined,
    step(label, done) {
      if (label === 'Searching while rows are inserted' && done === 1) stopper.abort()
    },
  }
  const asked = { cold: 1, whileInserting: 100 }
  const observed = await study((options) => new LocalTarget(options), asked, { progress, stopper })
  const { summary } = await experiment!.summarise(observed)
  expect(summary.isComplete).toBe(false)
  const rows = summary.paths.flatMap((row) => (row.status === 'ok' ? [row] : []))
  expect(rows.filter(({ cold }) => cold)).toHaveLength(2)
  expect(rows.filter(({ inserting }) => inserting)).toEqual([])
})

it('where dd cannot drop the page cache, first searches are measured with it, and that is told', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'simdgres-dd-'))
  await writeFile(join(folder, 'dd'), '#!/bin/sh\necho "dd: unknown iflag nocache" >&2\nexit 1\n')
  await chmod(folder, 0o755)
  await chmod(join(folder, 'dd'), 0o755)
  const { PATH } = process.env
  process.env['PATH'] = `${folder}${delimiter}${PATH}`
  const notes: string[] = []
  const progress = { ...silent, note: (message: string) => void notes.push(message) }
  try {
    const observed = await study((options) => new LocalTarget(options), { cold: 1 }, { progress })
    const { summary } = await experiment!.summarise(observed)
    const cold = summary.paths.flatMap((row) => (row.status === 'ok' && row.cold ? [row.cold] : []))
    expect(cold.map(({ pageCache }) => pageCache)).toEqual(['kept', 'kept'])
    expect(notes).toContainEqual(
      expect.stringMatching(/^The files of the server stay in the page cache: .*unknown iflag/s),
    )
  } finally {
    process.env['PATH'] = PATH
    await rm(folder, { recursive: true })
  }
})
