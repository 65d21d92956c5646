// How often the gate is wrong on this machine: node scripts/gate-study.mjs RUNS.ndjson [RUNS [OPTIONS OF gate]]
// Records `simdgres gate --a-a` until the file holds RUNS of them (300 if missing; 0 of 299 false alarms is what proves at
// most 1 %), and goes on with the same file when it is started again. Then replays them and prints the study as JSON
// (docs/gate.md says what is in it). A run of the usual length takes minutes: 300 are a matter of days; --budget shortens them.
import { spawn } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { buildDist } from './setup/build.mjs'

const [file, wanted = '300', ...options] = process.argv.slice(2)
const count = Number(wanted)
if (file === undefined || !Number.isInteger(count) || count < 2) {
  console.error(
    'usage: node scripts/gate-study.mjs RUNS.ndjson [number of runs, from 2 on [options of simdgres gate]]',
  )
  process.exit(2)
}
await buildDist()
const { gateResultSchema } = await import('../dist/result/gate-schema.js')
const { replay } = await import('../dist/gate/study.js')

/** A line that a killed run has not finished is none; the next run begins another. */
function readRuns() {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  if (text !== '' && !text.endsWith('\n')) appendFileSync(file, '\n')
  return text.split('\n').flatMap((line) => parseRun(line))
}

/** @param {string} line */
function parseRun(line) {
  if (line === '') return []
  try {
    return [gateResultSchema.parse(JSON.parse(line))]
  } catch (error) {
    // A line that is whole and is no run is a mistake in the file.
    if (error instanceof SyntaxError) return []
    throw error
  }
}

/** @returns {Promise<number | null>} its exit code. */
function record() {
  const cli = fileURLToPath(new URL('../bin/simdgres.js', import.meta.url))
  const args = ['gate', '--a-a', '--base', 'work-tree', '--quiet', '--history', file, ...options]
  const child = spawn(process.execPath, [cli, ...args], { stdio: ['ignore', 'ignore', 'inherit'] })
  return new Promise((resolve, reject) => child.on('error', reject).on('close', resolve))
}

for (let runs = readRuns().length; runs < count; runs = readRuns().length) {
  console.error(`run ${runs + 1} of ${count}`)
  const code = await record()
  // A false alarm (10) and an inconclusive run (11) are what the study counts; whatever else happens is no run.
  if (![0, 10, 11].includes(code ?? -1)) {
    console.error(
      `simdgres gate ended with ${code ?? 'a signal'}: correct that, then start the study again with ${file}`,
    )
    process.exit(code ?? 1)
  }
}
console.log(JSON.stringify(replay(readRuns()), undefined, 2))
