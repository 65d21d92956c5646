import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterEach, describe, expect, test } from 'vitest'
import type { Progress } from '#src/progress.js'
import { cacheFolder } from '#src/system/cache-folder.js'
import { clientOptions } from '#src/targets/connection.js'
import { LocalTarget } from '#src/targets/local/local-target.js'
import type { ConnectionInfo } from '#src/targets/target.js'

const notes: string[] = []
const progress: Progress = { note: (message) => notes.push(message), step: () => undefined }
const targets: LocalTarget[] = []
const { signal } = new AbortController()
let keys = 0
/** Of this process alone: other tests leave data of their own. */
const newKey = (): string => `test-${process.pid}-${keys++}`

function createTarget(resumeKey?: string): LocalTarget {
  const target = new LocalTarget({ progress, signal, ...(resumeKey !== undefined && { resumeKey }) })
  targets.push(target)
  return target
}

afterEach(async () => {
  for (const target of targets.splice(0)) await target.stop()
  notes.length = 0
})

async function query(connection: ConnectionInfo, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(clientOptions(connection))
  try {
    await client.connect()
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

/** What shows that a table is the same, not one that was loaded again. */
const identity = (connection: ConnectionInfo) =>
  query(connection, `SELECT pg_relation_filenode('kept') AS file, count(*)::int AS rows FROM kept`)
/** Unlogged, as the tables of a run are: a server that is killed would have emptied it. */
const makeTable = 'CREATE UNLOGGED TABLE kept AS SELECT generate_series(1, 1000) AS id'

function findRuns(key: string): string[] {
  return [cacheFolder('postgres', 'runs'), tmpdir()].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.startsWith('simdgres-run-'))
      .map((name) => join(folder, name))
      .filter((path) => existsSync(join(path, 'owner.json')))
      .filter((path) => JSON.parse(readFileSync(join(path, 'owner.json'), 'utf8')).resume?.key === key),
  )
}

const script = fileURLToPath(new URL('children/hold-server.mjs', import.meta.url))
const hold = (...args: string[]): ChildProcess =>
  spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'ignore'] })

/** A run that has made a table when it is killed. */
async function killRun(key: string, settings = {}): Promise<ConnectionInfo & { resumed: boolean }> {
  const child = hold(key, JSON.stringify(settings), makeTable)
  const [line] = await once(createInterface({ input: child.stdout! }), 'line')
  child.kill('SIGKILL')
  await once(child, 'exit')
  return JSON.parse(line)
}

describe('reconfigure', () => {
  test('restarts with other settings on the same data', async () => {
    const target = createTarget()
    const first = await target.deploy({ parameters: { shared_buffers: '64MB' } })
    await query(first, makeTable)
    const before = await identity(first)
    const second = await target.reconfigure({ parameters: { shared_buffers: '96MB', work_mem: '5MB' } })
    expect(await identity(second)).toEqual(before)
    expect(await query(second, 'SHOW shared_buffers')).toEqual([{ shared_buffers: '96MB' }])
    const third = await target.reconfigure({ memoryBytes: 1 << 30 })
    expect(await identity(third)).toEqual(before)
    expect(await query(third, 'SHOW shared_buffers')).toEqual([{ shared_buffers: '256MB' }])
    expect((await query(third, 'SHOW work_mem'))[0]).not.toEqual({ work_mem: '5MB' })
    expect((await target.stats())?.memoryBytes).toBeGreaterThan(0)
    expect(notes.join('\n')).not.toMatch(/ended|exited/)
  })

  test('names a setting with which the server does not start, and comes back with the former ones', async () => {
    const target = createTarget()
    const former = { parameters: { shared_buffers: '64MB' } }
    const first = await target.deploy(former)
    await query(first, makeTable)
    const before = await identity(first)
    await expect(
      target.reconfigure({ parameters: { shared_buffers: '64MB', max_connections: '3', work_mem: '2MB' } }),
    ).rejects.toMatchObject({
      message: expect.stringMatching(
        /^The server does not start with max_connections=3: .*last lines:.*max_connections/s,
      ),
      hint: expect.stringContaining('former settings'),
    })
    await expect(target.reconfigure({ parameters: { shared_buffers: '900TB' } })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringContaining('shared_buffers=900TB'),
    })
    await expect(target.reconfigure({ parameters: { no_such: '1' } })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringContaining('no_such=1'),
    })
    const again = await target.reconfigure(former)
    expect(await identity(again)).toEqual(before)
  })

  test('needs a server, and the same major version', async () => {
    const target = createTarget()
    await expect(target.reconfigure({})).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    const other = createTarget()
    const connection = await other.deploy({})
    await expect(other.reconfigure({ pgMajor: 99 })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringContaining('PostgreSQL 99'),
    })
    expect(await query(connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  test('stop during a restart leaves nothing', async () => {
    const target = createTarget(newKey())
    await target.deploy({})
    const outcome = expect(target.reconfigure({})).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    await target.stop()
    await outcome
    expect(findRuns(`test-${process.pid}-${keys - 1}`)).toEqual([])
  })
})

describe('a run that was killed', () => {
  test('leaves its data to the next run of the same key and settings, which removes it in the end', async () => {
    const key = newKey()
    const killed = await killRun(key, { parameters: { work_mem: '3MB' } })
    expect(killed.resumed).toBe(false)
    const target = createTarget(key)
    const connection = await target.deploy({ parameters: { work_mem: '3MB' } })
    expect(target.resumed).toBe(true)
    expect(await query(connection, 'SELECT count(*)::int AS rows FROM kept')).toEqual([{ rows: 1000 }])
    await expect(query({ ...connection, password: killed.password }, 'SELECT 1')).rejects.toMatchObject({
      code: '28P01',
    })
    const before = await identity(connection)
    expect(await identity(await target.reconfigure({}))).toEqual(before)
    await target.stop()
    expect(findRuns(key)).toEqual([])
  })

  test('may be killed again', async () => {
    const key = newKey()
    await killRun(key)
    const child = hold(key)
    const [line] = await once(createInterface({ input: child.stdout! }), 'line')
    expect(JSON.parse(line)).toMatchObject({ resumed: true })
    child.kill('SIGKILL')
    await once(child, 'exit')
    const target = createTarget(key)
    expect(await query(await target.deploy({}), 'SELECT count(*)::int AS rows FROM kept')).toEqual([
      { rows: 1000 },
    ])
  })

  test('leaves nothing to a run with other settings', async () => {
    const key = newKey()
    await killRun(key)
    const target = createTarget(key)
    const connection = await target.deploy({ parameters: { work_mem: '3MB' } })
    expect(target.resumed).toBe(false)
    expect(await query(connection, `SELECT to_regclass('kept') AS kept`)).toEqual([{ kept: null }])
    expect(findRuns(key).length).toBe(1)
  })

  test('is kept from other runs for a day, and told; then it is removed', async () => {
    const key = newKey()
    await killRun(key)
    const [path] = findRuns(key)
    await createTarget().deploy({})
    expect(existsSync(path!)).toBe(true)
    expect(notes.join('\n')).toMatch(new RegExp(`Keeping ${path} until .*rm -r ${path}`))
    const yesterday = Date.now() / 1000 - 25 * 3600
    utimesSync(join(path!, 'data', 'global', 'pg_control'), yesterday, yesterday)
    await createTarget(newKey()).deploy({})
    expect(existsSync(path!)).toBe(false)
  })

  test('gives its data to one of two', async () => {
    const key = newKey()
    await killRun(key)
    const pair = [createTarget(key), createTarget(key)]
    const connections = await Promise.all(pair.map((target) => target.deploy({})))
    expect(pair.map(({ resumed }) => resumed).sort()).toEqual([false, true])
    for (const connection of connections) expect(await query(connection, 'SELECT 1 AS one')).toHaveLength(1)
  })

  test('before its database was made is not gone on with', async () => {
    const key = newKey()
    const child = hold(key)
    while (findRuns(key).length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
    child.kill('SIGKILL')
    await once(child, 'exit')
    const [path] = findRuns(key)
    const target = createTarget(key)
    const connection = await target.deploy({})
    expect(target.resumed).toBe(false)
    expect(existsSync(path!)).toBe(false)
    expect(await query(connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  test('whose data cannot be opened is made again', async () => {
    const key = newKey()
    await killRun(key)
    const [path] = findRuns(key)
    rmSync(join(path!, 'data', 'global', 'pg_control'))
    const target = createTarget(key)
    const connection = await target.deploy({})
    expect(target.resumed).toBe(false)
    expect(notes.join('\n')).toContain('it is made again')
    expect(await query(connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  })
})
