import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { silent } from '#src/progress.js'
import { openStack } from '#src/stack/stack.js'
import { runCli } from '../cli/run-cli.js'
import { whyNoEngine } from '../docker/sandbox.js'
import { titleWith } from '../skip-reasons.js'
import { findPrivateEngineProblem, PrivateEngine } from './private-engine.js'
import { until } from './until.js'

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
    await engine.load([images[0]!.build.args['BASE_IMAGE']!, ...images.map(({ image }) => image)])
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
})
