import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isFreshBase } from '#src/engine/images/base-image.js'
import { silent } from '#src/progress.js'
import { switchOver } from '#src/stack/move/switchover.js'
import { openStack } from '#src/stack/stack.js'
import { whyNoEngine } from '../docker/sandbox.js'
import { titleWith } from '../skip-reasons.js'
import { Load, readLoad } from './load.js'
import { limits } from './moves.js'
import { StackSandbox } from './stack-sandbox.js'

/** Building images on another base takes minutes. */
const isWanted = process.env['SIMDGRES_REBUILD'] !== undefined
const problem = isWanted ? await whyNoEngine() : 'takes minutes; set SIMDGRES_REBUILD=1'

/** Between transactions of clients that are there to notice what goes wrong. */
const restMs = 20

describe.skipIf(problem !== undefined)(titleWith(problem, 'a rebuild'), () => {
  let sandbox: StackSandbox
  const own = `simdgres-test-${randomBytes(3).toString('hex')}`
  // Names of its own: other tests find their images as they were.
  const images = { POSTGRES_IMAGE: `${own}/postgres:1`, PGBOUNCER_IMAGE: `${own}/pgbouncer:1` }

  beforeAll(async () => {
    sandbox = await StackSandbox.create()
    await sandbox.up({ settings: images })
  }, 1_800_000)
  afterAll(async () => {
    const { engine, settings } = await sandbox.open()
    const base = settings['BASE_IMAGE']
    await sandbox[Symbol.asyncDispose]()
    for (const name of Object.values(images)) await engine.getImage(name).remove()
    if (base !== undefined && isFreshBase(base)) await engine.getImage(base).remove()
  })

  const readImages = async (): Promise<Record<string, string>> => {
    const stack = await sandbox.open()
    const entries = [stack.primary, 'pgbouncer'].map(async (name) => {
      return [name, (await (await stack.container(name)).inspect()).Image] as const
    })
    return Object.fromEntries(await Promise.all(entries))
  }

  test('that fails says that the images are new already', async () => {
    const notes: string[] = []
    const { folder, project } = sandbox
    const progress = { ...silent, note: (text: string) => void notes.push(text) }
    const stack = await openStack({ folder, project, progress, signal: new AbortController().signal })
    const observe = (): void => {
      throw new Error('not today')
    }
    await expect(switchOver(stack, { ...limits, rebuild: true, observe })).rejects.toThrow('not today')
    expect(notes).toContainEqual(expect.stringMatching(/^the images are new already: the next simdgres up/))
  }, 1_200_000)

  test('by a switchover gives the server an image of today, and no transaction fails', async () => {
    const before = await readImages()
    const load = await Load.start(sandbox, 4, restMs)
    await load.reach(100)
    const { code, stdout, stderr } = await sandbox.cli('switchover', '--rebuild')
    expect([code, stdout]).toEqual([
      0,
      expect.stringContaining('pgbouncer has its new image after simdgres up'),
    ])
    expect(stderr).toContain('upgrading the packages of debian:trixie-slim')
    await load.reach(load.commits + 100)
    const { commits, failures } = await load.stop()
    expect(failures).toEqual([])
    expect(await readLoad(sandbox)).toEqual({ rows: commits, balance: commits })
    const after = await readImages()
    expect(after).toEqual({
      'postgres-green': expect.not.stringMatching(before['postgres']!) as string,
      pgbouncer: before['pgbouncer'],
    })
    const { settings, engine } = await sandbox.open()
    const { RootFS } = await engine.getImage(settings['BASE_IMAGE']!).inspect()
    const server = await engine.getImage(after['postgres-green']!).inspect()
    expect(server.RootFS.Layers?.slice(0, RootFS.Layers?.length)).toEqual(RootFS.Layers)
  }, 1_200_000)

  test('leaves the pool to the next up, which changes nothing else', async () => {
    const { services } = await sandbox.up({ settings: images })
    expect(services).toEqual({ 'postgres-green': 'unchanged', pgbouncer: 'recreated' })
  })
})
