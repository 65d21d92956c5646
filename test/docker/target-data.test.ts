import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { connectEngine } from '#src/engine/engine.js'
import { isExpired, ownerLabels, removeOrphans, removeVolume } from '#src/engine/owner.js'
import type { Progress } from '#src/progress.js'
import { silent } from '#src/progress.js'
import { DockerTarget } from '#src/targets/docker/docker-target.js'
import type { ConnectionInfo } from '#src/targets/target.js'
import { describeWithEngine, queryOnce, Sandbox } from './sandbox.js'

const engine = connectEngine()
const notes: string[] = []
const progress: Progress = { note: (message) => notes.push(message), step: () => undefined }
const { signal } = new AbortController()
const targets: DockerTarget[] = []
const hourMs = 3600_000
let keys = 0
/** Of this process alone: other runs share the engine. */
const newKey = (): string => `test-${process.pid}-${keys++}`

function createTarget(resumeKey?: string): DockerTarget {
  const target = new DockerTarget({ progress, signal, ...(resumeKey !== undefined && { resumeKey }) })
  targets.push(target)
  return target
}

afterEach(async () => {
  for (const target of targets.splice(0)) await target.stop()
  notes.length = 0
})

/** Unlogged, as the tables of a run are: a server that is killed would have emptied it. */
const makeTable = 'CREATE UNLOGGED TABLE kept AS SELECT generate_series(1, 1000) AS id'
/** What shows that a table is the same, not one that was loaded again. */
const identity = (connection: ConnectionInfo) =>
  queryOnce(connection, `SELECT pg_relation_filenode('kept'), count(*)::int FROM kept`)

async function listVolumes(label: string): Promise<string[]> {
  const { Volumes } = await engine.listVolumes({ filters: { label: [label] } })
  return (Volumes ?? []).map(({ Name }) => Name).sort()
}

const ofKey = (key: string) => listVolumes(`io.simdgres.resume.key=${key}`)
const ofProcess = (pid = process.pid) => listVolumes(`io.simdgres.owner.pid=${pid}`)
const containersOf = async (pid = process.pid) =>
  (await engine.listContainers({ all: true, filters: { label: [`io.simdgres.owner.pid=${pid}`] } })).length

const script = join(import.meta.dirname, 'children', 'hold-server.mjs')
const hold = (...args: string[]): ChildProcess =>
  spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })

async function readLine(child: ChildProcess): Promise<ConnectionInfo & { resumed: boolean }> {
  const [line] = await once(createInterface({ input: child.stdout! }), 'line')
  return JSON.parse(line)
}

/** A run that has made a table when it is killed. */
async function killRun(key: string): Promise<ConnectionInfo & { resumed: boolean; pid: number }> {
  const child = hold(key, makeTable)
  const connection = await readLine(child)
  child.kill('SIGKILL')
  await once(child, 'exit')
  return { ...connection, pid: child.pid! }
}

await describeWithEngine('reconfigure', () => {
  beforeAll(async () => {
    await new Sandbox().ensureImage()
  })

  test('restarts with other settings on the same data, and comes back from those that do not work', async () => {
    const target = createTarget()
    const former = { memoryBytes: 512 * 1024 ** 2, parameters: { shared_buffers: '64MB' } }
    const first = await target.deploy(former)
    await queryOnce(first, makeTable)
    const before = await identity(first)
    const volumes = await ofProcess()

    const second = await target.reconfigure({
      memoryBytes: 768 * 1024 ** 2,
      parameters: { shared_buffers: '96MB', work_mem: '5MB' },
    })
    expect(await identity(second)).toEqual(before)
    expect(await queryOnce(second, 'SHOW shared_buffers')).toEqual([['96MB']])
    expect(target.limits?.memoryBytes).toBe(768 * 1024 ** 2)
    expect((await target.stats())?.memoryBytes).toBeGreaterThan(0)

    await expect(
      target.reconfigure({ ...former, parameters: { shared_buffers: '700MB', work_mem: '2MB' } }),
    ).rejects.toMatchObject({
      code: 'ERR_UNAVAILABLE',
      message: expect.stringMatching(
        /^The server does not start with shared_buffers=700MB: .*last lines:.*does not fit into the memory limit/s,
      ),
      hint: expect.stringContaining('former settings'),
    })
    await expect(target.reconfigure({ ...former, cpus: 5000 })).rejects.toMatchObject({
      code: 'ERR_RESOURCE',
      message: expect.stringContaining('cpus=5000'),
    })
    await expect(target.reconfigure({ pgMajor: 15 })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })

    const again = await target.reconfigure(former)
    expect(await identity(again)).toEqual(before)
    expect(await queryOnce(again, 'SHOW shared_buffers')).toEqual([['64MB']])
    expect(await ofProcess()).toEqual(volumes)
    expect(await containersOf()).toBe(1)
    await target.stop()
    expect(await ofProcess()).toEqual([])
    expect(await containersOf()).toBe(0)
  })

  test('needs a server', async () => {
    await expect(createTarget().reconfigure({})).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  })
})

await describeWithEngine('a run that was killed', () => {
  test('leaves its data to the next run of the same key and settings, which removes it in the end', async () => {
    const key = newKey()
    const killed = await killRun(key)
    const target = createTarget(key)
    const connection = await target.deploy({})
    expect(target.resumed).toBe(true)
    expect(await queryOnce(connection, 'SELECT count(*)::int FROM kept')).toEqual([[1000]])
    await expect(queryOnce({ ...connection, password: killed.password }, 'SELECT 1')).rejects.toMatchObject({
      code: '28P01',
    })
    expect(await containersOf(killed.pid)).toBe(0)
    expect(await ofProcess(killed.pid)).toEqual(await ofKey(key))
    // Another run may sweep, or ask for the same key, while the server is being replaced.
    const before = await identity(connection)
    const reconfiguring = target.reconfigure({ parameters: { work_mem: '5MB' } })
    await removeOrphans(engine, silent)
    const other = createTarget(key)
    await other.deploy({})
    expect(other.resumed).toBe(false)
    expect(await identity(await reconfiguring)).toEqual(before)
    await other.stop()
    await target.stop()
    expect(await ofKey(key)).toEqual([])
  })

  test('leaves nothing to a run with other settings', async () => {
    const key = newKey()
    await killRun(key)
    const target = createTarget(key)
    const connection = await target.deploy({ parameters: { work_mem: '3MB' } })
    expect(target.resumed).toBe(false)
    expect(await queryOnce(connection, `SELECT to_regclass('kept')`)).toEqual([[null]])
    expect((await ofKey(key)).length).toBe(1)
  })

  test('is kept from other runs for a day, and told', async () => {
    const key = newKey()
    const { pid } = await killRun(key)
    await removeOrphans(engine, progress)
    const [volume] = await ofKey(key)
    expect(await ofProcess(pid)).toEqual([volume])
    expect(await containersOf(pid)).toBe(0)
    expect(notes.join('\n')).toMatch(
      new RegExp(`keeping the volume ${volume} until .*docker volume rm ${volume}`),
    )
    // Nobody can set back the engine's time of it; other tests keep volumes of their own.
    const { Labels: labels, ...info } = await engine.getVolume(volume!).inspect()
    const createdMs = Date.parse((info as unknown as { CreatedAt: string }).CreatedAt)
    expect(isExpired({ labels, createdMs }, createdMs + 23 * hourMs)).toBe(false)
    expect(isExpired({ labels, createdMs }, createdMs + 25 * hourMs)).toBe(true)
    await removeVolume(engine, volume!)
  })

  test('before its database was made is not gone on with', async () => {
    const key = newKey()
    const volume = `simdgres-test-${process.pid}-empty`
    const gone = spawnSync('true')
    const target = createTarget(key)
    await target.deploy({})
    const [own] = await ofKey(key)
    const { Labels } = await engine.getVolume(own!).inspect()
    await target.stop()
    const labels = {
      ...Labels,
      ...ownerLabels(),
      'io.simdgres.owner.pid': String(gone.pid),
      'io.simdgres.owner.start': '1',
    }
    await engine.createVolume({ Name: volume, Labels: labels })
    const next = createTarget(key)
    const connection = await next.deploy({})
    expect(next.resumed).toBe(false)
    expect(notes.join('\n')).toContain('it is made again')
    expect(await queryOnce(connection, 'SELECT 1')).toEqual([[1]])
    expect((await ofKey(key)).length).toBe(1)
  })
})

/** The engine's socket works in it, the host's loopback is out of reach: as in a container that was given the socket. */
const canUnshare = spawnSync('unshare', ['-n', 'true']).status === 0

await describeWithEngine('from another network', () => {
  test.skipIf(!canUnshare)(
    'a server that cannot be reached is told in seconds, with the reason',
    { timeout: 170_000 },
    async () => {
      const start = 'ip link set lo up 2>/dev/null; exec "$0" "$@"'
      const child = spawn('unshare', ['-n', 'sh', '-c', start, process.execPath, script, newKey()], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const outcome = await readLine(child)
      await once(child, 'exit')
      expect(outcome).toMatchObject({
        code: 'ERR_UNAVAILABLE',
        message: expect.stringMatching(
          /is healthy, but its published port 127\.0\.0\.1:\d+ cannot be reached/,
        ),
        hint: expect.stringContaining('--network host'),
      })
      expect(await ofProcess(child.pid)).toEqual([])
    },
  )
})
