// How often the gate is wrong on this machine: node scripts/gate-study.mjs RUNS.ndjson [RUNS [OPTIONS OF gate]]
// Records `simdgres gate --a-a` until the file holds RUNS of them (300 if missing; 0 of 299 false alarms is what proves at
// most 1 %), and goes on with the same file when it is started again. Then replays them and prints the study as JSON
// (docs/gate.md says what is in it). A run of the usual length takes minutes: 300 are a matter of days; --budget shortens them.
import { buildDist } from './setup/build.mjs'
import { readRuns, runSimdgres, stopStudy } from './setup/recorded-runs.mjs'

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

const recorded = () => readRuns(file, gateResultSchema)
const record = ['gate', '--a-a', '--base', 'work-tree', '--quiet', '--history', file, ...options]
for (let runs = recorded().length; runs < count; runs = recorded().length) {
  console.error(`run ${runs + 1} of ${count}`)
  const code = await runSimdgres(record)
  // A false alarm (10) and an inconclusive run (11) are what the study counts; whatever else happens is no run.
  if (![0, 10, 11].includes(code ?? -1)) stopStudy('gate', code, file)
}
console.log(JSON.stringify(replay(recorded()), undefined, 2))
