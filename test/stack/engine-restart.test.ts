import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { silent } from '../../src/datasets/dataset.js'
import { openStack } from '../../src/stack/open.js'
import { findEngineProblem } from '../../src/targets/docker-engine.js'
import { runCli } from '../cli/run-cli.js'
import { findPrivateEngineProblem, PrivateEngine } from './private-engine.js'

const problem = (await findEngineProblem()) ?? findPrivateEngineProblem()
const title = 'a restart of the engine'

describe.skipIf(problem !== undefined)(problem === undefined ? title : `${title} (${problem})`, () => {
  let engine: PrivateEngine
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'simdgres-stack-'))
    const stack = await openStack({ folder, progress: silent, signal: new AbortController().signal })
    const images = ['postgres', 'pgbouncer'].map((name) => stack.compose.services[name]!)
    for (const name of ['postgres', 'pgbouncer']) await stack.ensureImage(name)
    engine = await PrivateEngine.create()
    await engine.load([images[0]!.build.args['BASE_IMAGE']!, ...images.map(({ image }) => image)])
  })
  afterAll(async () => {
    await engine?.[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })

  const cli = (command: string, ...args: readonly string[]) => {
    return runCli([command, '--dir', folder, ...args], { DOCKER_HOST: `unix://${engine.socket}` })
  }

  test('brings every service back, with what was committed', async () => {
    const up = await cli('up', '--set', 'POSTGRES_MEMORY=512m', '--set', 'POSTGRES_SHM_SIZE=128m')
    expect([up.code, up.stderr]).toEqual([0, up.stderr])
    const written = await cli('psql', '--', '--command', 'CREATE TABLE app.proof AS SELECT 4711 AS number')
    expect([written.code, written.stderr]).toEqual([0, ''])
    await engine.stop()
    await engine.start()
    let status = await cli('status')
    for (let tries = 0; status.code !== 0 && tries < 60; tries += 1) {
      await sleep(1000)
      status = await cli('status')
    }
    expect([status.code, status.stdout]).toEqual([0, status.stdout])
    const { stdout } = await cli('psql', '--', '-At', '--command', 'SELECT number FROM app.proof')
    expect(stdout).toBe('4711\n')
    await cli('down', '--volumes', '--yes')
  })
})
