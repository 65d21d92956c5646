import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import type { Container } from 'dockerode'
import pg, { escapeIdentifier } from 'pg'
import { beforeAll, expect, test } from 'vitest'
import { connectEngine } from '#src/engine/engine.js'
import { ownerLabels } from '#src/engine/owner.js'
import { silent } from '#src/progress.js'
import { type BenchResult, resultSchema } from '#src/result/schema.js'
import { clientOptions } from '#src/targets/connection.js'
import { DockerTarget } from '#src/targets/docker/docker-target.js'
import { type RunningCli, runCli, startCli } from '../cli/run-cli.js'
import { describeWithEngine, exec, Sandbox } from './sandbox.js'

const engine = connectEngine()
const small = ['bench', '--target', 'docker', '--profile', 'quick', '--dataset', 'synthetic-3000x32']
// The limits as well, so that the test needs neither much of the machine nor all of its processors.
const bench = [...small, '--queries', '100', '--memory', '1g', '--cpus', '1']

/** Containers and volumes of one run; others share the engine. Asked for while the run lives: it knows its start. */
function leftoversOf(cli: RunningCli): () => Promise<string[]> {
  const label = Object.entries(ownerLabels(cli.process.pid)).map(([name, value]) => `${name}=${value}`)
  return async () => {
    const containers = await engine.listContainers({ all: true, filters: { label } })
    const { Volumes } = await engine.listVolumes({ filters: { label } })
    return [...containers.map(({ Id }) => Id), ...(Volumes ?? []).map(({ Name }) => Name)]
  }
}

async function containerOf(cli: RunningCli): Promise<Container> {
  const label = Object.entries(ownerLabels(cli.process.pid)).map(([name, value]) => `${name}=${value}`)
  const found = await engine.listContainers({ filters: { label } })
  expect(found).toHaveLength(1)
  return engine.getContainer(found[0]!.Id)
}

const showSharedBuffers =
  'PGPASSWORD=$(cat /run/secrets/postgres_password) psql --host=127.0.0.1 --username="$POSTGRES_USER" ' +
  '--dbname="$POSTGRES_DB" --no-psqlrc --tuples-only --no-align --command="SHOW shared_buffers"'

await describeWithEngine('bench in a container', () => {
  beforeAll(async () => {
    await new Sandbox().ensureImage()
  })

  test('runs as nobody special, without a compiler, with the parameter it was given', async () => {
    const paths = ['--paths', 'null,pgvector-exact,pgvector-hnsw,extension-exact,addon-exact']
    const cli = startCli([...bench, ...paths, '--set', 'shared_buffers=100MB', '--json', '-'])
    const leftovers = leftoversOf(cli)
    await cli.waitFor('Measuring\n')
    const container = await containerOf(cli)
    expect(Number((await exec(container, 'id', '-u')).output)).toBeGreaterThan(0)
    for (const tool of ['gcc', 'cc', 'clang', 'make']) {
      expect(await exec(container, 'sh', '-c', `command -v ${tool}`)).toMatchObject({ output: '' })
    }
    expect(await exec(container, 'sh', '-c', showSharedBuffers)).toEqual({ exitCode: 0, output: '100MB\n' })
    const { code, stdout, stderr } = await cli.done
    expect(stderr).not.toContain('error:')
    expect(code).toBe(0)
    checkResult(resultSchema.parse(JSON.parse(stdout)))
    expect(await leftovers()).toEqual([])
  })

  function checkResult({ environment, paths }: BenchResult): void {
    expect(environment).toMatchObject({ target: 'docker', settings: { shared_buffers: '100MB' } })
    expect(environment.limits).toEqual({ cpus: 1, memoryBytes: 2 ** 30 })
    for (const row of paths) {
      expect(row).toMatchObject({ status: 'ok' })
      if (row.status === 'ok' && row.exact && row.id !== 'null')
        expect([row.id, row.recall?.mean]).toEqual([row.id, 1])
    }
  }

  test('is not ended by limits of the server on idle sessions and on long transactions', async () => {
    const longestTransactionMs = 250
    const target = new DockerTarget({ progress: silent, signal: new AbortController().signal })
    const connection = await target.deploy({ memoryBytes: 2 ** 30, cpus: 1 })
    try {
      const { host, port, user, password: PGPASSWORD, database } = connection
      const client = new pg.Client(clientOptions(connection))
      await client.connect()
      await client.query('CREATE EXTENSION IF NOT EXISTS vector')
      // Loading is one transaction that takes longer than the last of them, which PostgreSQL 17 has brought.
      const limits = {
        idle_session_timeout: 1000,
        idle_in_transaction_session_timeout: 1000,
        transaction_timeout: longestTransactionMs,
      }
      for (const [name, ms] of Object.entries(limits)) {
        await client.query(`ALTER ROLE ${escapeIdentifier(user)} SET ${name} = ${ms}`)
      }
      await client.end()
      const args = ['--dataset', 'synthetic-400000x100', '--queries', '50', '--seconds', '2', '--json', '-']
      const url = `postgres://${user}@${host}:${port}/${database}`
      const { code, stderr, stdout } = await runCli(
        ['bench', ...args, '--paths', 'pgvector-exact,addon-exact', '--url', url],
        { PGPASSWORD },
      )
      expect(stderr).not.toContain('error:')
      expect(code).toBe(0)
      const { paths } = resultSchema.parse(JSON.parse(stdout))
      for (const row of paths) expect(row).toMatchObject({ status: 'ok' })
      const loaded = paths.find((row) => row.status === 'ok' && row.id === 'pgvector-exact')
      expect(loaded).toMatchObject({
        loading: { ms: expect.toSatisfy((ms: number) => ms > longestTransactionMs) },
      })
    } finally {
      await target.stop()
    }
  })

  test('leaves no container and no volume on Ctrl-C', async () => {
    const cli = startCli([...bench, '--paths', 'null,pgvector-exact'])
    const leftovers = leftoversOf(cli)
    await cli.waitFor('Measuring\n')
    expect((await leftovers()).length).toBeGreaterThan(1)
    cli.process.kill('SIGINT')
    const { code, stdout } = await cli.done
    expect({ code, stdout }).toEqual({ code: 130, stdout: '' })
    expect(await leftovers()).toEqual([])
  })

  test('ends with code 6 when the container is killed, and leaves nothing', async () => {
    const cli = startCli([...bench, '--paths', 'null,pgvector-exact'])
    const leftovers = leftoversOf(cli)
    await cli.waitFor('Measuring\n')
    await (await containerOf(cli)).kill({ signal: 'SIGKILL' })
    const { code, stdout, stderr } = await cli.done
    expect(stderr).toMatch(/error: .+\n {2}next: .+/)
    expect({ code, stdout }).toEqual({ code: 6, stdout: '' })
    expect(await leftovers()).toEqual([])
  })

  test('ends with code 5 where the port is in use, and leaves nothing', async () => {
    const blocker = createServer().listen(0, '127.0.0.1')
    await once(blocker, 'listening')
    const { port } = blocker.address() as AddressInfo
    const cli = startCli([...bench, '--paths', 'null', '--port', String(port)])
    const leftovers = leftoversOf(cli)
    const { code, stdout, stderr } = await cli.done
    blocker.close()
    expect(stderr).toContain(`error: Port ${port} of 127.0.0.1 is in use\n  next: `)
    expect({ code, stdout }).toEqual({ code: 5, stdout: '' })
    expect(await leftovers()).toEqual([])
  })
})

await describeWithEngine('an engine that is not there', () => {
  test('is told with code 3', async () => {
    const { code, stderr } = await runCli([...bench, '--paths', 'null'], {
      DOCKER_HOST: 'unix:///nonexistent/engine.sock',
    })
    expect(stderr).toContain('next: Correct or unset DOCKER_HOST, or use --target local.')
    expect(code).toBe(3)
  })
})
