import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import type { Progress } from '#src/progress.js'
import { cacheFolder } from '#src/system/cache-folder.js'
import { LocalTarget } from '#src/targets/local/local-target.js'
import type { ConnectionInfo } from '#src/targets/target.js'
import { countFaultsOfSort } from './page-faults.js'

const notes: string[] = []
const progress: Progress = { note: (message) => notes.push(message), step: () => undefined }
const targets: LocalTarget[] = []

function createTarget(signal: AbortSignal = new AbortController().signal): LocalTarget {
  const target = new LocalTarget({ progress, signal })
  targets.push(target)
  return target
}

// Every deployment removes what killed ones have left in the folder for temporary files: those of other tests would remove ours.
let temporary: string
beforeAll(() => {
  temporary = mkdtempSync(join(tmpdir(), 'simdgres-local-target-'))
  // The server's user goes through it.
  chmodSync(temporary, 0o755)
  vi.stubEnv('TMPDIR', temporary)
})
afterAll(() => {
  vi.unstubAllEnvs()
  rmSync(temporary, { recursive: true })
})

afterEach(async () => {
  for (const target of targets.splice(0)) await target.stop()
  notes.length = 0
})

/** Folders of clusters that the process `pid` made and has not removed. */
function findRuns(pid: number): string[] {
  return [cacheFolder('postgres', 'runs'), tmpdir()].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.startsWith('simdgres-run-'))
      .map((name) => join(folder, name))
      .filter((path) => readOwner(path) === pid),
  )
}

function readOwner(path: string): number | undefined {
  const file = join(path, 'owner.json')
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).pid : undefined
}

async function query(connection: ConnectionInfo, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ ...connection })
  try {
    await client.connect()
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

async function waitFor(what: string, isDone: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    if (isDone()) return
    await sleep(50)
  }
  throw new Error(`Waited 30 s for ${what}`)
}

async function canConnect(connection: ConnectionInfo): Promise<boolean> {
  return query(connection, 'SELECT 1').then(
    () => true,
    (error) => {
      expect(error.code).toBe('ECONNREFUSED')
      return false
    },
  )
}

/** A process that has ended stays in /proc until its parent looks; one whose parent was killed may stay for long. */
function isRunning(pid: number): boolean {
  const file = `/proc/${pid}/stat`
  return existsSync(file) && !/\) Z /.test(readFileSync(file, 'utf8'))
}

/** As the server's user: root in a container may not look into the processes of others. */
function readAsOwner(pid: number, file: string): string {
  const { uid, gid } = statSync(`/proc/${pid}`)
  return execFileSync('cat', [`/proc/${pid}/${file}`], { encoding: 'utf8', uid, gid, cwd: '/' })
}

const postmasterOf = (run: string) =>
  Number(readFileSync(join(run, 'data', 'postmaster.pid'), 'utf8').split('\n')[0])

test('serves queries with the extensions, the settings asked for and durable defaults', async () => {
  const target = createTarget()
  const connection = await target.deploy({ memoryBytes: 2 ** 30, parameters: { work_mem: '3MB' } })
  const [settings] = await query(
    connection,
    `SELECT current_setting('shared_buffers') AS shared_buffers, current_setting('work_mem') AS work_mem,
            current_setting('fsync') AS fsync, current_setting('data_checksums') AS checksums,
            current_setting('listen_addresses') AS addresses, current_setting('unix_socket_directories') AS sockets`,
  )
  expect(settings).toEqual({
    shared_buffers: '256MB',
    work_mem: '3MB',
    fsync: 'on',
    checksums: 'on',
    addresses: '127.0.0.1',
    sockets: '',
  })
  const extensions = await query(connection, 'SELECT extname FROM pg_extension ORDER BY extname')
  expect(extensions.map(({ extname }) => extname)).toEqual(['pg_prewarm', 'plpgsql', 'simdgres', 'vector'])
  const [row] = await query(
    connection,
    `SELECT simd_l2_distance('[0,0]'::vector, '[3,4]'::vector) AS distance`,
  )
  expect(row).toEqual({ distance: 5 })
  const stats = await target.stats()
  expect(stats?.memoryBytes).toBeGreaterThan(2 ** 20)
  expect(stats?.memoryPeakBytes).toBeGreaterThanOrEqual(stats?.memoryBytes ?? 0)
  expect(stats?.cpuSeconds).toBeGreaterThan(0)
})

test('a session keeps the memory of its sorts for the next one', async () => {
  const connection = await createTarget().deploy({ parameters: { work_mem: '7MB' } })
  const client = new pg.Client({ ...connection })
  await client.connect()
  try {
    const rows = async (text: string) => (await client.query({ text, rowMode: 'array' })).rows
    expect(await countFaultsOfSort(rows)).toBeLessThan(100)
  } finally {
    await client.end()
  }
})

test('asks for the password, and leaves it in no file and no argument', async () => {
  const connection = await createTarget().deploy({})
  await expect(query({ ...connection, password: 'wrong' }, 'SELECT 1')).rejects.toMatchObject({
    code: '28P01',
  })
  const [run] = findRuns(process.pid)
  expect(readdirSync(run!).sort()).toEqual(expect.arrayContaining(['data', 'owner.json']))
  expect(existsSync(join(run!, 'password'))).toBe(false)
  const pid = postmasterOf(run!)
  for (const file of ['cmdline', 'environ']) {
    const text = readAsOwner(pid, file)
    expect(text).not.toBe('')
    expect(text).not.toContain(connection.password)
  }
})

test('never runs the server as root', async () => {
  await createTarget().deploy({})
  const status = readFileSync(`/proc/${postmasterOf(findRuns(process.pid)[0]!)}/status`, 'utf8')
  const uid = Number(/^Uid:\s+(\d+)/m.exec(status)?.[1])
  expect(uid).not.toBe(0)
  if (process.getuid?.() !== 0) expect(uid).toBe(process.getuid?.())
})

test('stop leaves no process, no folder and no listener, and can be called twice', async () => {
  const target = createTarget()
  const connection = await target.deploy({})
  const pid = postmasterOf(findRuns(process.pid)[0]!)
  await target.stop()
  await target.stop()
  expect(existsSync(`/proc/${pid}`)).toBe(false)
  expect(findRuns(process.pid)).toEqual([])
  expect(await canConnect(connection)).toBe(false)
  expect(notes.join('\n')).not.toMatch(/ended|exited/)
})

test('stop ends a deployment that is under way', async () => {
  const target = createTarget()
  const deploying = expect(target.deploy({})).rejects.toMatchObject({ code: 'ERR_ABORTED' })
  await waitFor('the folder of the cluster', () => findRuns(process.pid).length > 0)
  await target.stop()
  await deploying
  expect(findRuns(process.pid)).toEqual([])
})

test('an abort during the deployment leaves nothing behind', async () => {
  const controller = new AbortController()
  const deploying = expect(createTarget(controller.signal).deploy({})).rejects.toMatchObject({
    code: 'ERR_ABORTED',
  })
  await waitFor('the folder of the cluster', () => findRuns(process.pid).length > 0)
  controller.abort()
  await deploying
  expect(findRuns(process.pid)).toEqual([])
})

test('a killed harness takes its server along, and the next deployment removes its data', async () => {
  const script = fileURLToPath(new URL('children/hold-server.mjs', import.meta.url))
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  const [run] = findRuns(child.pid!)
  const pid = postmasterOf(run!)
  child.kill('SIGKILL')
  await once(child, 'exit')
  await waitFor('the server to end', () => !isRunning(pid))

  await createTarget().deploy({})
  expect(existsSync(run!)).toBe(false)
  expect(notes.join('\n')).toContain(run)
})

test('takes the port asked for, and names it when it is in use', async () => {
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  const address = taken.address()
  const port = typeof address === 'object' && address ? address.port : 0
  await expect(createTarget().deploy({ port })).rejects.toMatchObject({
    code: 'ERR_RESOURCE',
    message: expect.stringContaining(String(port)),
    hint: expect.stringMatching(/another port/),
  })
  expect(findRuns(process.pid)).toEqual([])
  await new Promise((resolve) => taken.close(resolve))
  expect(await createTarget().deploy({ port })).toMatchObject({ port })
})

test('shows the log of a server that refuses its settings, and leaves nothing', async () => {
  await expect(createTarget().deploy({ parameters: { no_such_setting: '1' } })).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringContaining('no_such_setting'),
  })
  expect(findRuns(process.pid)).toEqual([])
})

test('refuses values that the tuning script refuses', async () => {
  await expect(createTarget().deploy({ parameters: { shared_buffers: 'plenty' } })).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringContaining('shared_buffers=plenty'),
  })
})

test('refuses an instruction set that does not exist', async () => {
  await expect(createTarget().deploy({ isa: 'mmx' })).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringContaining('mmx'),
  })
  expect(findRuns(process.pid)).toEqual([])
})

test('says which versions are installed when the one asked for is not', async () => {
  await expect(createTarget().deploy({ pgMajor: 99 })).rejects.toMatchObject({
    code: 'ERR_UNAVAILABLE',
    message: expect.stringMatching(/PostgreSQL 99 is not installed .*found: 1\d/),
  })
})

test('tells when the server ends by itself, with the last lines of its log', async () => {
  await createTarget().deploy({})
  process.kill(postmasterOf(findRuns(process.pid)[0]!), 'SIGTERM')
  await waitFor('the note', () => notes.some((note) => /server exited with code 0/.test(note)))
  expect(notes.join('\n')).toContain('received smart shutdown request')
})

test('two processes that prepare at once do not disturb each other', async () => {
  const connections = await Promise.all([createTarget().deploy({}), createTarget().deploy({})])
  expect(new Set(connections.map(({ port }) => port)).size).toBe(2)
  for (const connection of connections) expect(await canConnect(connection)).toBe(true)
})
