import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { dockerFolder } from '#src/config/stack.js'

const script = join(dockerFolder, 'postgres', 'tune.sh')
const mib = 1024 ** 2
const gib = 1024 ** 3

/** Only what a test sets: a POSTGRES_* of the shell must not decide it. */
const environmentOf = (variables: Record<string, string>) => ({ PATH: process.env['PATH'], ...variables })

function tune(
  args: readonly (string | number)[],
  variables: Record<string, string> = {},
): Record<string, string> {
  const output = execFileSync('bash', [script, ...args.map(String)], {
    encoding: 'utf8',
    env: environmentOf(variables),
  })
  return Object.fromEntries(
    output
      .trim()
      .split('\n')
      .map((line) => line.split('=') as [string, string]),
  )
}

const bytesOf = (value = ''): number => Number(value.replace('kB', '')) * 1024

describe('computed values', () => {
  test.each([
    [256 * mib, 0.5],
    [gib, 1],
    [4 * gib, 2],
    [62 * gib, 20],
    [512 * gib, 128],
  ])('fit into %d bytes and %d processors', (memory, cpus) => {
    const shm = gib
    const values = tune(['--memory', memory, '--cpus', cpus, '--shm', shm])
    const sharedBuffers = bytesOf(values['shared_buffers'])
    expect(sharedBuffers).toBe(memory / 4)
    expect(bytesOf(values['effective_cache_size'])).toBe((memory / 4) * 3)
    expect(bytesOf(values['maintenance_work_mem'])).toBeLessThanOrEqual(shm)
    expect(bytesOf(values['maintenance_work_mem'])).toBeLessThanOrEqual(memory / 8)
    const workers = Number(values['max_parallel_workers'])
    expect(workers).toBe(Math.ceil(cpus))
    const perGather = Number(values['max_parallel_workers_per_gather'])
    // The leader is a process too.
    expect(perGather + 1).toBeLessThanOrEqual(Math.max(1, Math.ceil(cpus)))
    expect(Number(values['max_worker_processes'])).toBeGreaterThanOrEqual(workers)
    const worstWorkBytes = bytesOf(values['work_mem']) * (100 + workers) * 3
    if (bytesOf(values['work_mem']) > mib) expect(worstWorkBytes + sharedBuffers).toBeLessThanOrEqual(memory)
  })

  test.each([
    [200 * mib, 128, 512],
    [10 * gib, 1024, 2560],
    [2000 * gib, 4096, 65_536],
  ])('of the log fit on a disk of %d bytes', (disk, wal, kept) => {
    expect(tune(['--memory', gib, '--cpus', 1, '--disk', disk])).toMatchObject({
      max_wal_size: `${wal}MB`,
      max_slot_wal_keep_size: `${kept}MB`,
    })
  })

  test('know nothing of shared memory where there is none', () => {
    expect(bytesOf(tune(['--memory', gib, '--cpus', 1, '--shm', 0])['maintenance_work_mem'])).toBe(mib)
  })
})

describe('in another language', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'simdgres-locale-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  test('the values are the same, also where the capital of i is another letter', ({ skip }) => {
    const made = spawnSync('localedef', ['-i', 'tr_TR', '-f', 'UTF-8', join(folder, 'tr_TR.UTF-8')])
    skip(made.error !== undefined || made.status !== 0, 'no localedef with Turkish: apt-get install locales')
    const args = ['--memory', gib, '--cpus', 2, '--shm', gib]
    const turkish = { LOCPATH: folder, LC_ALL: 'tr_TR.UTF-8', POSTGRES_EFFECTIVE_CACHE_SIZE: '700MB' }
    const { LC_ALL: _, ...plain } = turkish
    expect(tune(args, turkish)).toEqual(tune(args, plain))
  })
})

describe('given values', () => {
  const base = ['--memory', 4 * gib, '--cpus', 4, '--shm', gib]

  test('replace computed ones, by variable or --set, which wins; dependants follow', () => {
    const variables = { POSTGRES_SHARED_BUFFERS: '2gb', POSTGRES_MAX_PARALLEL_WORKERS: '16' }
    const values = tune(
      [...base, '--set', 'max-parallel-workers=24', '--set', 'max_connections=20'],
      variables,
    )
    expect(bytesOf(values['shared_buffers'])).toBe(2 * gib)
    expect(values['max_parallel_workers']).toBe('24')
    expect(Number(values['max_worker_processes'])).toBeGreaterThanOrEqual(24)
    expect(bytesOf(values['work_mem'])).toBe(Math.floor((2 * gib) / (44 * 3) / mib) * mib)
  })

  test('decide what a session may keep of its memory', () => {
    const environment = (workMem: string) =>
      tune([...base, '--print', 'environment', '--set', `work_mem=${workMem}`])
    expect(environment('8MB')).toEqual({
      MALLOC_TRIM_THRESHOLD_: String(24 * mib),
      MALLOC_MMAP_THRESHOLD_: String(8 * mib),
    })
    // The most that glibc takes.
    expect(environment('100MB')).toEqual({
      MALLOC_TRIM_THRESHOLD_: String(300 * mib),
      MALLOC_MMAP_THRESHOLD_: String(32 * mib),
    })
  })

  test('that are empty count as not given', () => {
    expect(tune(base, { POSTGRES_WORK_MEM: '' })).toEqual(tune(base))
  })

  test.each([
    [{ POSTGRES_WORK_MEM: '12X' }, 'POSTGRES_WORK_MEM=12X is not a size'],
    [{ POSTGRES_WORK_MEM: '8' }, 'POSTGRES_WORK_MEM=8 has no unit'],
    [{ POSTGRES_WORK_MEM: '1kB' }, 'too small'],
    [{ POSTGRES_SHARED_BUFFERS: '4GB' }, 'does not fit into the memory limit of 4096 MB'],
    [{ POSTGRES_MAINTENANCE_WORK_MEM: '2GB' }, 'larger than /dev/shm (1024 MB)'],
    [{ POSTGRES_MAX_PARALLEL_WORKERS: '-1' }, 'POSTGRES_MAX_PARALLEL_WORKERS=-1 is not a count'],
    [{ POSTGRES_MAX_PARALLEL_WORKERS_PER_GATHER: '2 workers' }, 'is not a count'],
  ])('that make no sense end with a message: %j', (variables: Record<string, string>, message) => {
    const { status, stderr } = spawnSync('bash', [script, ...base.map(String)], {
      encoding: 'utf8',
      env: environmentOf(variables),
    })
    expect(status).toBe(1)
    expect(stderr).toContain(message)
  })

  test.each([
    ['--memory', 'much'],
    ['--cpus', '-2'],
    ['--shm'],
    ['--nonsense', '1'],
    ['--set', 'novalue'],
    ['--memory', '1'],
  ])('refuses %s %s', (...args) => {
    const { status, stderr } = spawnSync('bash', [script, ...args], {
      encoding: 'utf8',
      env: environmentOf({}),
    })
    expect({ status, said: stderr.startsWith('simdgres: ') }).toEqual({ status: 1, said: true })
  })
})

describe('limits of the control group', () => {
  let folder: string
  const write = (path: string, content: string): void => {
    mkdirSync(join(folder, path, '..'), { recursive: true })
    writeFileSync(join(folder, path), `${content}\n`)
  }
  /** @param membership what /proc/self/cgroup says. */
  const detect = (membership = ''): Record<string, string> => {
    write('membership', membership)
    return tune(['--cgroup', folder, '--membership', join(folder, 'membership'), '--shm', gib])
  }

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'simdgres-cgroup-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  test('of version 2', () => {
    write('memory.max', String(512 * mib))
    write('cpu.max', '50000 100000')
    expect(detect()).toMatchObject({ shared_buffers: `${128 * 1024}kB`, max_parallel_workers: '1' })
  })

  test('of version 1', () => {
    write('memory/memory.limit_in_bytes', String(512 * mib))
    write('cpu/cpu.cfs_quota_us', '100000')
    write('cpu/cpu.cfs_period_us', '100000')
    expect(detect()).toMatchObject({ shared_buffers: `${128 * 1024}kB`, max_parallel_workers: '1' })
  })

  // As with --cgroupns=host, where the root is the host's.
  test.each(['/docker/abc', '/system.slice/docker-abc.scope/inner'])(
    'of version 2, of the group %s',
    (group) => {
      write(`${group}/memory.max`, String(512 * mib))
      write(`${group}/cpu.max`, '50000 100000')
      expect(detect(`0::${group}`)).toMatchObject({
        shared_buffers: `${128 * 1024}kB`,
        max_parallel_workers: '1',
      })
    },
  )

  test('of version 2, of a group further up: the smallest of all', () => {
    write('a/memory.max', String(512 * mib))
    write('a/cpu.max', '100000 100000')
    write('a/b/memory.max', String(768 * mib))
    write('a/b/cpu.max', 'max 100000')
    write('a/b/c/memory.max', 'max')
    write('elsewhere/memory.max', String(256 * mib))
    expect(detect('0::/a/b/c')).toMatchObject({
      shared_buffers: `${128 * 1024}kB`,
      max_parallel_workers: '1',
    })
  })

  test('of version 1, each controller by its own path', () => {
    write('memory/m/memory.limit_in_bytes', String(512 * mib))
    write('memory/m/n/memory.limit_in_bytes', '9223372036854771712')
    write('cpu/c/cpu.cfs_quota_us', '100000')
    write('cpu/c/cpu.cfs_period_us', '100000')
    expect(detect('5:name=systemd:/x\n4:cpu,cpuacct:/c\n3:cpuset:/y\n2:memory:/m/n\n0::/')).toMatchObject({
      shared_buffers: `${128 * 1024}kB`,
      max_parallel_workers: '1',
    })
  })

  test('of the root, where ours lies outside of what is seen', () => {
    write('memory.max', String(512 * mib))
    expect(detect('0::/../../other')['shared_buffers']).toBe(`${128 * 1024}kB`)
    expect(detect('0::/not/mounted')['shared_buffers']).toBe(`${128 * 1024}kB`)
  })

  test('none: what the machine has', () => {
    const machine = detect()
    write('memory.max', 'max')
    write('cpu.max', 'max 100000')
    expect(detect()).toEqual(machine)
    rmSync(join(folder, 'memory.max'))
    rmSync(join(folder, 'cpu.max'))
    write('memory/memory.limit_in_bytes', '9223372036854771712')
    write('cpu/cpu.cfs_quota_us', '-1')
    write('cpu/cpu.cfs_period_us', '100000')
    expect(detect()).toEqual(machine)
  })
})
