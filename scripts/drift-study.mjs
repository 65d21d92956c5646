// How far the same run is from itself an hour later: node scripts/drift-study.mjs RUNS.ndjson [PAIRS [OPTIONS OF bench]]
// Records `simdgres bench` until the file holds PAIRS pairs (10 if missing) of runs an hour apart, one run after the other
// with a short pause, and each again an hour after its start. Started again with the same file it goes on; a run whose
// hour has passed without the second one stays alone. Then prints the study as JSON (docs/benchmarks.md says what is in it).
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { buildDist } from './setup/build.mjs'
import { readRuns, runSimdgres, stopStudy } from './setup/recorded-runs.mjs'

const apartMs = 60 * 60_000
/** A run that starts by so much more or less than an hour later still counts. */
const toleranceMs = 5 * 60_000
/** From start to start, where a run does not take longer. */
const everyMs = 170_000
/** About a minute and a half on two cores: every kind of path, in small. */
const usual = [
  ...[
    '--target',
    'local',
    '--dataset',
    'wordnet-512',
    '--rows',
    '20000',
    '--profile',
    'quick',
    '--seconds',
    '1.5',
  ],
  '--paths',
  'null,pgvector-exact,pgvector-hnsw,pgvector-hnsw-halfvec,pgvector-ivfflat,extension-exact,addon-exact,addon-levels',
]

const [file, wanted = '10', ...options] = process.argv.slice(2)
const count = Number(wanted)
if (file === undefined || !Number.isInteger(count) || count < 1) {
  console.error(
    'usage: node scripts/drift-study.mjs RUNS.ndjson [pairs, from 1 on [options of simdgres bench]]',
  )
  process.exit(2)
}
await buildDist()
const { resultSchema } = await import('../dist/result/schema.js')
const { pairRuns, studyDrift } = await import('../dist/report/drift-study.js')

const recorded = () => readRuns(file, resultSchema)

/** @returns {number | undefined} when the next run is due; undefined when there are pairs enough. */
function findNextStart() {
  const runs = recorded()
  const pairs = pairRuns(runs, apartMs, toleranceMs)
  if (pairs.length >= count) return undefined
  const starts = runs.map(({ startedAt }) => Date.parse(startedAt))
  const paired = new Set(pairs.flat())
  const waiting = runs
    .filter((run) => !paired.has(run))
    .map(({ startedAt }) => Date.parse(startedAt) + apartMs)
    .filter((due) => due + toleranceMs > Date.now())
  const another =
    pairs.length + waiting.length < count ? [Math.max(...starts.map((at) => at + everyMs), 0)] : []
  return Math.min(...waiting, ...another)
}

/** @returns {Promise<number | null>} its exit code; what did not end well is no run. */
async function record() {
  const folder = mkdtempSync(join(tmpdir(), 'simdgres-drift-'))
  try {
    const json = join(folder, 'run.json')
    const code = await runSimdgres([
      'bench',
      ...(options.length > 0 ? options : usual),
      '--quiet',
      '--json',
      json,
    ])
    if (code !== 0) return code
    appendFileSync(file, `${JSON.stringify(JSON.parse(readFileSync(json, 'utf8')))}\n`)
    return 0
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

for (let due = findNextStart(); due !== undefined; due = findNextStart()) {
  if (due > Date.now()) console.error(`the next run starts at ${new Date(due).toISOString()}`)
  await sleep(Math.max(0, due - Date.now()))
  const code = await record()
  if (code !== 0) stopStudy('bench', code, file)
}
console.log(JSON.stringify(studyDrift(pairRuns(recorded(), apartMs, toleranceMs)), undefined, 2))
