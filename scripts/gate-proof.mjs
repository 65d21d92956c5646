// Does the gate catch a real regression? node scripts/gate-proof.mjs [OPTIONS OF gate]
// In a fresh clone of the last commit, which is removed at the end, three commits are made, and each is compared with the one
// before it by `npx simdgres gate --base git:HEAD~1`: one that takes the prefetch and three of four accumulators from the
// float kernels has to be called regressed, its reverse improved, and one that changes a comment alone ok. The first
// comparison is made twice: the base is built by then. Prints a line of JSON for each; ends with 1 where one is wrong.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packageRoot } from './setup/shell.mjs'

const kernels = 'native/kernels/simd/float_distances.h'
const options = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'simdgres-gate-proof-'))
const clone = join(folder, 'simdgres')

/** @param {string} command @param {string[]} args */
function run(command, args, cwd = clone) {
  const { status, error } = spawnSync(command, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] })
  if (error !== undefined) throw error
  return status
}

/** @param {string} command @param {string[]} args */
function must(command, args, cwd = clone) {
  const status = run(command, args, cwd)
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}`)
}

/** @param {(source: string) => string} change of the kernels @param {string} message */
function commit(change, message) {
  const path = join(clone, kernels)
  const before = readFileSync(path, 'utf8')
  const after = change(before)
  if (after === before) throw new Error(`${kernels} has changed: ${message} finds nothing to change`)
  writeFileSync(path, after)
  must('git', ['-c', 'user.name=proof', '-c', 'user.email=proof@example.org', 'commit', '-qam', message])
  must('npm', ['run', '--silent', 'build'])
}

/** @param {string} source */
function makeSlower(source) {
  return source
    .replace(/sum[123] = step\(op, sum[123], LOAD\(/g, 'sum0 = step(op, sum0, LOAD(')
    .replace(
      /ab1 = vec_fma\(LOAD\(a \+ i \+ LANES\), y1, ab1\)/g,
      'ab0 = vec_fma(LOAD(a + i + LANES), y1, ab0)',
    )
    .replace(/bb1 = vec_fma\(y1, y1, bb1\)/g, 'bb0 = vec_fma(y1, y1, bb0)')
    .replace(/if \(fetches_ahead/g, 'if (0 && fetches_ahead')
}

/** @param {string} what @param {string} wanted verdict */
function compare(what, wanted) {
  const json = join(folder, 'gate.json')
  rmSync(json, { force: true })
  const start = performance.now()
  const code = run('npx', ['simdgres', 'gate', '--base', 'git:HEAD~1', '--quiet', '--json', json, ...options])
  const seconds = Math.round((performance.now() - start) / 1000)
  if (!existsSync(json)) throw new Error(`The gate ended with ${code} and has written nothing`)
  const { verdict, reason, metrics } = JSON.parse(readFileSync(json, 'utf8'))
  const changes = metrics.map(({ subject, metric, outcome, change, ci95 }) => ({
    ...{ subject, metric, outcome, change, ci95 },
  }))
  console.log(JSON.stringify({ what, wanted, verdict, reason, code, seconds, changes }))
  return verdict === wanted
}

try {
  must('git', ['clone', '-q', packageRoot, clone], folder)
  must('npm', ['ci', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'])
  const original = readFileSync(join(clone, kernels), 'utf8')
  commit(makeSlower, 'slower kernels')
  const seen = [compare('slower kernels', 'regressed'), compare('slower kernels, base built', 'regressed')]
  commit(() => original, 'the kernels as they were')
  seen.push(compare('the kernels as they were', 'improved'))
  commit((source) => source.replace('/*\n', '/*\n * A comment.\n'), 'a comment')
  seen.push(compare('a comment', 'ok'))
  if (seen.includes(false)) process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
