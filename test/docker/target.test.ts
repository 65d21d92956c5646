import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connectEngine } from '#src/engine/engine.js'
import { ownerLabels, removeContainer, removeOrphans, removeVolume } from '#src/engine/owner.js'
import type { Progress } from '#src/progress.js'
import { silent } from '#src/progress.js'
import { DockerTarget } from '#src/targets/docker/docker-target.js'
import { describeWithEngine, queryOnce, Sandbox } from './sandbox.js'

const engine = connectEngine()
/** Other runs share the engine: only what this process owns counts. */
const own = ownerFilter(ownerLabels())

function ownerFilter(labels: Readonly<Record<string, string>>): { label: string[] } {
  return { label: Object.entries(labels).map(([name, value]) => `${name}=${value}`) }
}

async function listOwn(): Promise<string[]> {
  const containers = await engine.listContainers({ all: true, filters: own })
  const { Volumes } = await engine.listVolumes({ filters: own })
  return [...containers.map(({ Id }) => Id), ...(Volumes ?? []).map(({ Name }) => Name)]
}

/** Aborts when a note matches. */
function abortOn(pattern: RegExp): { progress: Progress; signal: AbortSignal; seen: () => boolean } {
  const controller = new AbortController()
  const check = (text: string): void => {
    if (pattern.test(text)) controller.abort()
  }
  const progress = { note: check, step: (label: string, done: number) => check(`${label} ${done}`) }
  return { progress, signal: controller.signal, seen: () => controller.signal.aborted }
}

function makeTarget(options: { progress?: Progress; signal?: AbortSignal } = {}): DockerTarget {
  return new DockerTarget({ progress: silent, signal: new AbortController().signal, ...options })
}

await describeWithEngine('DockerTarget', () => {
  beforeAll(async () => {
    await new Sandbox().ensureImage()
    expect(await listOwn()).toEqual([])
  })

  test('deploys with the settings given, reports its use, and leaves nothing', async () => {
    const target = makeTarget()
    const memoryBytes = 768 * 1024 ** 2
    const connection = await target.deploy({ memoryBytes, cpus: 1, parameters: { shared_buffers: '100MB' } })
    try {
      expect(connection.host).toBe('127.0.0.1')
      expect(await queryOnce(connection, 'SHOW shared_buffers')).toEqual([['100MB']])
      expect(await queryOnce(connection, 'SHOW effective_cache_size')).toEqual([['576MB']])
      const before = (await target.stats())!
      await queryOnce(connection, 'SELECT sum(sqrt(i)) FROM generate_series(1, 3000000) i')
      const after = (await target.stats())!
      expect(after.cpuSeconds).toBeGreaterThan(before.cpuSeconds)
      expect(after.memoryBytes).toBeGreaterThan(1024 ** 2)
      expect(after.memoryBytes).toBeLessThanOrEqual(memoryBytes)
      expect(after.memoryPeakBytes).toBeGreaterThanOrEqual(after.memoryBytes)
      expect((await listOwn()).length).toBe(4)
    } finally {
      await target.stop()
      await target.stop()
    }
    expect(await listOwn()).toEqual([])
    expect(await target.stats()).toBeUndefined()
  })

  test('publishes on the loopback alone, and its password is its own', async () => {
    const [a, b] = [makeTarget(), makeTarget()]
    try {
      const [first, second] = await Promise.all([a.deploy({}), b.deploy({})])
      expect(first.port).not.toBe(second.port)
      expect(first.password).not.toBe(second.password)
      const published = (await engine.listContainers({ filters: own })).flatMap(({ Ports }) => Ports)
      expect(published.length).toBe(2)
      for (const { IP } of published) expect(IP).toBe('127.0.0.1')
    } finally {
      await Promise.all([a.stop(), b.stop()])
    }
    expect(await listOwn()).toEqual([])
  })

  test('says which port is in use', async () => {
    const blocker = createServer().listen(0, '127.0.0.1')
    await once(blocker, 'listening')
    const { port } = blocker.address() as AddressInfo
    try {
      const deployment = makeTarget().deploy({ port })
      await expect(deployment).rejects.toMatchObject({
        code: 'ERR_RESOURCE',
        message: expect.stringContaining(`Port ${port}`),
      })
    } finally {
      blocker.close()
    }
    expect(await listOwn()).toEqual([])
  })

  test.each([
    [{ port: 70_000 }, 'port'],
    [{ parameters: { 'work_mem; drop': '1MB' } }, 'parameters'],
    [{ parameters: { maintenance_work_mem: 'lots' } }, 'maintenance_work_mem'],
  ])('refuses %j', async (settings, name) => {
    const deployment = makeTarget().deploy(settings)
    await expect(deployment).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringContaining(name),
    })
    expect(await listOwn()).toEqual([])
  })

  test("shows the server's last lines where it does not start", async () => {
    const deployment = makeTarget().deploy({ parameters: { no_such_parameter: '1' } })
    await expect(deployment).rejects.toMatchObject({
      code: 'ERR_UNAVAILABLE',
      message: expect.stringContaining('unrecognized configuration parameter "no_such_parameter"'),
    })
    expect(await listOwn()).toEqual([])
  })

  test.each([
    ['before it begins', /./],
    ['while the container starts', /^starting the container/],
  ])('leaves nothing when aborted %s', async (_phase, pattern) => {
    const abort = abortOn(pattern)
    if (pattern.source === '.') abort.progress.note('now')
    const target = makeTarget(abort)
    await expect(target.deploy({})).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    expect(abort.seen()).toBe(true)
    await target.stop()
    expect(await listOwn()).toEqual([])
  })

  test('leaves nothing when stopped while it deploys', async () => {
    const target = makeTarget()
    const deployment = target.deploy({})
    const outcome = expect(deployment).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    await target.stop()
    await outcome
    expect(await listOwn()).toEqual([])
  })

  test('removes what a killed run left, and nothing of a live one', async () => {
    const gone = spawnSync('true')
    const labels = { ...ownerLabels(), ...deadOwner(gone.pid) }
    await engine.createVolume({ Name: 'simdgres-test-orphan', Labels: labels })
    const image = await new Sandbox().ensureImage()
    const orphan = await engine.createContainer({ Image: image, Labels: labels })
    const alive = await engine.createContainer({ Image: image, Labels: ownerLabels() })
    try {
      await removeOrphans(engine, silent)
      await expect(orphan.inspect()).rejects.toMatchObject({ statusCode: 404 })
      await expect(engine.getVolume('simdgres-test-orphan').inspect()).rejects.toMatchObject({
        statusCode: 404,
      })
      await expect(alive.inspect()).resolves.toBeDefined()
    } finally {
      await removeContainer(engine, alive.id)
      await removeContainer(engine, orphan.id)
      await removeVolume(engine, 'simdgres-test-orphan')
    }
  })
})

/** Owner labels of a process that has ended; its pid can be anybody's by now, so the start time is another. */
function deadOwner(pid: number): Record<string, string> {
  return { 'io.simdgres.owner.pid': String(pid), 'io.simdgres.owner.start': '1' }
}

await describeWithEngine('an engine that goes away', () => {
  const folder = mkdtempSync(join(tmpdir(), 'simdgres-engine-'))
  const socketPath = join(folder, 'engine.sock')
  const realHost = process.env['DOCKER_HOST']
  const realSocket = realHost?.replace(/^unix:\/\//, '') ?? '/var/run/docker.sock'
  const open = new Set<Socket>()
  // A relay in front of the engine, which can be ended without ending the engine.
  const relay = createServer((client) => {
    const upstream = createConnection(realSocket)
    open.add(client).add(upstream)
    for (const socket of [client, upstream]) socket.on('error', () => socket.destroy())
    client.pipe(upstream).pipe(client)
  })

  afterAll(() => {
    if (realHost === undefined) delete process.env['DOCKER_HOST']
    else process.env['DOCKER_HOST'] = realHost
    rmSync(folder, { recursive: true })
  })

  test('is a lost connection, and the next run removes what was left', async () => {
    relay.listen(socketPath)
    await once(relay, 'listening')
    process.env['DOCKER_HOST'] = `unix://${socketPath}`
    const target = makeTarget()
    await target.deploy({})
    for (const socket of open) socket.destroy()
    await new Promise((resolve) => relay.close(resolve))

    await expect(target.stats()).rejects.toMatchObject({ code: 'ERR_LOST_CONNECTION' })
    await expect(target.stop()).rejects.toMatchObject({ code: 'ERR_LOST_CONNECTION' })
    expect(await DockerTarget.isEngineUp()).toBe(false)
    await expect(makeTarget().deploy({})).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' })

    // The engine is back: stop, which failed, can be called again.
    relay.listen(socketPath)
    await once(relay, 'listening')
    await target.stop()
    relay.close()
    expect(await listOwn()).toEqual([])
  })
})

await describeWithEngine('Ctrl-C', () => {
  test.each(['starting', 'deployed'])('leaves nothing of a run that is %s', async (phase) => {
    const script = join(import.meta.dirname, 'children', 'deploy.mjs')
    const child = spawn(process.execPath, [script, phase], { stdio: ['ignore', 'pipe', 'inherit'] })
    const exit = once(child, 'exit')
    const owner = ownerFilter(ownerLabels(child.pid))
    let wasStopped = false
    for await (const line of createInterface({ input: child.stdout })) {
      if (line !== 'ready to be stopped' || wasStopped) continue
      expect((await engine.listContainers({ all: true, filters: owner })).length).toBe(1)
      wasStopped = child.kill('SIGINT')
    }
    expect(await exit).toEqual([130, null])
    expect(wasStopped).toBe(true)
    expect(await engine.listContainers({ all: true, filters: owner })).toEqual([])
    expect((await engine.listVolumes({ filters: owner })).Volumes ?? []).toEqual([])
  })
})
