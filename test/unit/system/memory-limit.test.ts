import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { memoryLimitBytes } from '#src/system/memory-limit.js'

const made: string[] = []
afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true })
})

/** A root folder with these files of proc and sys. */
function machine(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'simdgres-memory-'))
  made.push(root)
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return root
}

const mount2 = (root = '/') => `30 1 0:26 ${root} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n`
const mount1 = (root = '/') =>
  `31 1 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n` +
  `32 1 0:28 ${root} /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n`

describe('the smallest limit on the way up wins', () => {
  test.each<[what: string, files: Record<string, string>, bytes: number]>([
    [
      'version 2: of the group itself',
      {
        'proc/self/mountinfo': mount2(),
        'proc/self/cgroup': '0::/a/b\n',
        'sys/fs/cgroup/a/b/memory.max': '1000\n',
      },
      1000,
    ],
    [
      'version 2: of the parent, where the group has none',
      {
        'proc/self/mountinfo': mount2(),
        'proc/self/cgroup': '0::/a/b\n',
        'sys/fs/cgroup/a/b/memory.max': 'max\n',
        'sys/fs/cgroup/a/memory.max': '2000\n',
      },
      2000,
    ],
    [
      'version 2: of the parent, where it is smaller',
      {
        'proc/self/mountinfo': mount2(),
        'proc/self/cgroup': '0::/a/b\n',
        'sys/fs/cgroup/a/b/memory.max': '5000\n',
        'sys/fs/cgroup/a/memory.max': '2000\n',
      },
      2000,
    ],
    [
      "version 2: a container in the machine's namespace, which sees its own group alone",
      {
        'proc/self/mountinfo': mount2('/docker/f00'),
        'proc/self/cgroup': '0::/docker/f00\n',
        'sys/fs/cgroup/memory.max': '3000\n',
      },
      3000,
    ],
    [
      'version 2: a group outside the namespace',
      {
        'proc/self/mountinfo': mount2(),
        'proc/self/cgroup': '0::/../x\n',
        'sys/fs/cgroup/memory.max': '3500\n',
      },
      3500,
    ],
    [
      'version 1: of the parent',
      {
        'proc/self/mountinfo': mount1(),
        'proc/self/cgroup': '5:cpu,cpuacct:/c\n4:memory:/a/b\n0::/\n',
        'sys/fs/cgroup/memory/a/b/memory.limit_in_bytes': '9223372036854771712\n',
        'sys/fs/cgroup/memory/a/memory.limit_in_bytes': '4000\n',
      },
      4000,
    ],
    [
      'both versions',
      {
        'proc/self/mountinfo': mount1() + mount2(),
        'proc/self/cgroup': '4:memory:/a\n0::/b\n',
        'sys/fs/cgroup/memory/a/memory.limit_in_bytes': '4000\n',
        'sys/fs/cgroup/b/memory.max': '3000\n',
      },
      3000,
    ],
  ])('%s', (_what, files, bytes) => {
    expect(memoryLimitBytes(machine(files))).toBe(bytes)
  })
})

test('without a limit, or without control groups, it is the memory of the machine', () => {
  expect(memoryLimitBytes(machine({}))).toBe(totalmem())
  const unlimited = {
    'proc/self/mountinfo': mount2(),
    'proc/self/cgroup': '0::/\n',
    'sys/fs/cgroup/memory.max': 'max\n',
  }
  expect(memoryLimitBytes(machine(unlimited))).toBe(totalmem())
})

test('this machine has a limit that this process does not exceed', () => {
  expect(memoryLimitBytes()).toBeGreaterThan(process.memoryUsage.rss())
  expect(memoryLimitBytes()).toBeLessThanOrEqual(totalmem())
})
