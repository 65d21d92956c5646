import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

/** A group of this machine, below our own, where root may make one. */
function makeGroup(): { folder: string; limitFile: string } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const [, ownPath] = /^\d+:memory:(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8')) ?? []
  const parents = [
    { folder: join('/sys/fs/cgroup/memory', ownPath ?? '/'), file: 'memory.limit_in_bytes' },
    { folder: '/sys/fs/cgroup', file: 'memory.max' },
  ]
  for (const { folder, file } of parents) {
    if (!existsSync(join(folder, 'cgroup.procs'))) continue
    const child = join(folder, `simdgres-test-${process.pid}`)
    try {
      mkdirSync(child)
    } catch {
      continue // Read-only, as in most containers.
    }
    if (existsSync(join(child, file))) return { folder: child, limitFile: join(child, file) }
    rmdirSync(child)
  }
  return undefined
}

describe('a group of this machine', () => {
  const group = process.platform === 'linux' ? makeGroup() : undefined

  test.skipIf(group === undefined)('limits what the server is tuned for', () => {
    const { folder, limitFile } = group!
    try {
      writeFileSync(limitFile, String(512 * 1024 ** 2))
      const script = `import { computeTuning } from '#src/targets/local/tuning.js'
        const { parameters } = await computeTuning({}, new AbortController().signal)
        console.log(parameters.get('shared_buffers'))`
      const { stdout, stderr } = spawnSync(
        'sh',
        [
          '-c',
          'echo $$ >"$0/cgroup.procs" && exec "$@"',
          folder,
          process.execPath,
          '--input-type=module',
          '-e',
          script,
        ],
        { cwd: fileURLToPath(new URL('../../..', import.meta.url)), encoding: 'utf8' },
      )
      expect(stderr).toBe('')
      expect(stdout.trim()).toBe('131072kB')
    } finally {
      rmdirSync(folder)
    }
  })
})
