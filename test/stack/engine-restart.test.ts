import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadStack } from '#src/config/stack.js'
import { silent } from '#src/progress.js'
import { dropOldServer } from '#src/stack/move/previous.js'
import { openStack } from '#src/stack/stack.js'
import { ensureMajorImage } from '#src/stack/upgrade/new-server.js'
import { rollBackUpgrade } from '#src/stack/upgrade/rollback.js'
import { upgradeStack } from '#src/stack/upgrade/upgrade.js'
import { runCli } from '../cli/run-cli.js'
import { whyNoEngine } from '../docker/sandbox.js'
import { titleWith } from '../skip-reasons.js'
import { lastStep, limits, steps } from './moves.js'
import { findPrivateEngineProblem, PrivateEngine } from './private-engine.js'
import { Recorder } from './recorder.js'
import { StackSandbox } from './stack-sandbox.js'
import { expectWhole, type KilledMove, killEngineDuring, type Victim } from './support/killed-move.js'
import { until } from './until.js'
import { logical } from './upgrade-sandbox.js'

/**
 * What is killed, and where: once before the new server is named in .env, and once when clients may be at work on it. With
 * SIMDGRES_EVERY_STEP=1, each of both at each step of each move, which takes the better part of an hour.
 */
const isEveryStep = process.env['SIMDGRES_EVERY_STEP'] !== undefined
type Point = readonly [victim: Victim, kind: KilledMove['kind'], step: string]
const points: readonly Point[] = isEveryStep
  ? (['engine', 'machine'] as const).flatMap((victim) =>
      Object.entries(steps).flatMap(([kind, names]) => {
        return [...names, ...(kind === 'swap' ? [] : [lastStep])].map((step) => [victim, kind, step] as Point)
      }),
    )
  : [
      ['machine', 'switchover', 'promote the new server'],
      ['engine', 'switchover', 'ask the pool where it goes'],
    ]

async function hasSwapped(sandbox: StackSandbox): Promise<boolean> {
  const kept = await sandbox.query("SELECT 1 FROM pg_database WHERE datname LIKE '%\\_before\\_%'")
  return kept.length > 0
}

/** As the server writes it, a second ago for everybody. */
async function readTime(sandbox: StackSandbox): Promise<string> {
  await sleep(1100)
  const [row] = await sandbox.query(
    "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00') AS now",
  )
  await sleep(1100)
  return String(row!['now'])
}

/** To one server of the old version, and nothing that is kept. */
async function goBack(sandbox: StackSandbox, kind: KilledMove['kind'], isDone: boolean): Promise<void> {
  const isUpgraded = kind === 'rollback' ? !isDone : kind === 'upgrade' && isDone
  if (isUpgraded) await rollBackUpgrade(await sandbox.open(), limits)
  if (isUpgraded || (kind !== 'swap' && isDone)) await dropOldServer(await sandbox.open())
  expect(await sandbox.cli('restore', '--drop-old', '--yes')).toMatchObject({ code: 0 })
}

const problem = (await whyNoEngine()) ?? findPrivateEngineProblem()

describe.skipIf(problem !== undefined)(titleWith(problem, 'a restart of the engine'), () => {
  let engine: PrivateEngine
  let folder: string
  let services: readonly string[]

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'simdgres-stack-'))
    const stack = await openStack({ folder, progress: silent, signal: new AbortController().signal })
    services = Object.keys(stack.compose.services)
    for (const name of services) await stack.ensureImage(name)
    engine = await PrivateEngine.create()
    const images = Object.values(stack.compose.services)
    const names = [images[0]!.build.args['BASE_IMAGE']!, ...images.map(({ image }) => image)]
    if (isEveryStep) {
      await ensureMajorImage(stack, '18')
      names.push(loadStack({ overrides: { STACK_DIR: folder, PG_MAJOR: '18' } }).services['postgres']!.image)
    }
    await engine.load(names)
  })
  afterAll(async () => {
    await engine?.[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })

  const cli = (command: string, ...args: readonly string[]) => {
    return runCli([command, '--dir', folder, ...args], { DOCKER_HOST: `unix://${engine.socket}` })
  }

  /** When each container was started, by service. */
  const readStarts = async (): Promise<Record<string, string>> => {
    const containers = await engine.docker.listContainers()
    const starts = containers.map(async ({ Id, Labels }) => {
      const { State } = await engine.docker.getContainer(Id).inspect()
      return [Labels['com.docker.compose.service']!, State.StartedAt] as const
    })
    return Object.fromEntries(await Promise.all(starts))
  }

  test('brings every service back, with what was committed', async () => {
    const profiles = ['cache', 'backup', 'monitoring'].flatMap((name) => ['--profile', name])
    const settings = [
      'POSTGRES_MEMORY=512m',
      'POSTGRES_SHM_SIZE=128m',
      'STACK_HEALTH_INTERVAL=60s',
      'ALERT_WEBHOOK_URL=http://127.0.0.1:9/',
    ]
    const up = await cli('up', ...profiles, ...settings.flatMap((setting) => ['--set', setting]))
    expect([up.code, up.stderr]).toEqual([0, up.stderr])
    const before = await readStarts()
    expect(Object.keys(before).sort()).toEqual([...services].sort())
    const written = await cli('psql', '--', '--command', 'CREATE TABLE app.proof AS SELECT 4711 AS number')
    expect([written.code, written.stderr]).toEqual([0, ''])
    await engine.stop()
    await engine.start()
    let status = await cli('status')
    const isGreen = async (): Promise<boolean> => {
      status = await cli('status')
      return status.code === 0
    }
    // The last answer says what is missing.
    await until(isGreen, 180_000, 'status is green', 1000).catch(() => undefined)
    expect([status.code, status.stdout]).toEqual([0, status.stdout])
    const after = await readStarts()
    expect(Object.keys(after).sort()).toEqual(Object.keys(before).sort())
    for (const [name, startedAt] of Object.entries(after)) expect(startedAt, name).not.toBe(before[name])
    const { stdout } = await cli('psql', '--', '-At', '--command', 'SELECT number FROM app.proof')
    expect(stdout).toBe('4711\n')
    await cli('down', '--volumes', '--yes')
  })

  describe('a kill of', () => {
    let sandbox: StackSandbox

    beforeAll(async () => {
      // Engines are asked for by the environment, and from here on it is this one.
      process.env['DOCKER_HOST'] = `unix://${engine.socket}`
      sandbox = await StackSandbox.create((port) => engine.forward(port))
      await sandbox.up()
      if (!isEveryStep) return
      for (const args of [[], ['--physical']]) {
        expect(await sandbox.cli('backup', ...args)).toMatchObject({ code: 0 })
      }
    })
    afterAll(async () => {
      await sandbox?.[Symbol.asyncDispose]()
      delete process.env['DOCKER_HOST']
    })

    test.each(points)(
      'the %s in a %s, where it would %s: one command, and every acknowledged commit is there',
      async (victim, kind, step) => {
        const recorder = await Recorder.start(sandbox, 2)
        try {
          await recorder.reach(20)
          if (kind === 'rollback') await upgradeStack(await sandbox.open(), logical)
          const { primary } = await sandbox.open()
          const early = recorder.last
          const target = await readTime(sandbox)
          if (kind === 'swap') expect(await sandbox.cli('backup')).toMatchObject({ code: 0 })
          await recorder.reachEach(5)
          await killEngineDuring(sandbox, engine, { kind, step, target }, victim)
          const late = recorder.last
          // The command that status names, or the one that everybody tries first.
          const ended = await sandbox.cli(kind === 'upgrade' ? 'up' : 'repair')
          expect([ended.code, ended.stderr]).toEqual([0, ended.stderr])
          await expectWhole(sandbox)
          await recorder.reachEach(20)
          await recorder.stop()
          const isDone =
            kind === 'swap' ? await hasSwapped(sandbox) : (await sandbox.open()).primary !== primary
          const { missing } = await recorder.compare(sandbox)
          // What was written after the time that is restored is in the server, or the database, that was in use.
          const isReplaced = isDone && ['restore', 'swap'].includes(kind)
          const lost = missing.filter((key) => {
            const [writer, n] = key.split('/').map(Number) as [number, number]
            return !isReplaced || n <= early[writer]! || n > late[writer]!
          })
          expect(lost).toEqual([])
          await goBack(sandbox, kind, isDone)
        } finally {
          await recorder.stop()
        }
      },
    )
  })
})
