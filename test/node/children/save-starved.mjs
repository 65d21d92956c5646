// Saves a changed set of 200 MB with 100 MB of addresses left, and prints the error. argv: path
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { VectorSet } from '#src/vectors/vector-set.js'

const set = VectorSet.from(new Float32Array(50_000_000).fill(1), { dims: 100, metric: 'l2' })
set.set(0, new Float32Array(100))
const kilobytes = Number(/VmSize:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1])
execFileSync('prlimit', ['--pid', String(process.pid), `--as=${kilobytes * 1024 + 100_000_000}`])
try {
  await set.save(process.argv[2])
} catch ({ code, message, hint }) {
  console.log(JSON.stringify({ code, message, hint }))
}
