import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silent } from '#src/progress.js'
import { resultSchema } from '#src/result/schema.js'
import { LocalTarget } from '#src/targets/local/local-target.js'
import type { ConnectionInfo } from '#src/targets/target.js'
import { runCli, startCli } from './run-cli.js'

// A server that is not the run's own: it has to be left as it was found.
const target = new LocalTarget({ progress: silent, signal: new AbortController().signal })
let connection: ConnectionInfo
let client: pg.Client

beforeAll(async () => {
  connection = await target.deploy({ memoryBytes: 1 << 30 })
  client = new pg.Client({ ...connection })
  await client.connect()
})
afterAll(async () => {
  await client?.end()
  await target.stop()
})

function urlOf(database = connection.database): string {
  const { host, port, user } = connection
  return `postgres://${user}@${host}:${port}/${database}`
}

const bench = (...args: string[]) => ['bench', '--seconds', '0.3', '--url', urlOf(), ...args]
const small = ['--dataset', 'synthetic-3000x32', '--queries', '100']
const withPassword = () => ({ PGPASSWORD: connection.password })

/** Arguments and environment of a run as a new role that has no other rights than `setup` gives it. */
async function benchAs(
  role: string,
  setup: string,
  ...args: string[]
): Promise<[string[], NodeJS.ProcessEnv]> {
  await client.query(`CREATE ROLE ${role} LOGIN PASSWORD 'of ${role}'; ${setup}`)
  const url = urlOf().replace(`//${connection.user}@`, `//${role}@`)
  return [bench(...small, ...args, '--url', url), { PGPASSWORD: `of ${role}` }]
}

async function readLeftovers(): Promise<unknown[]> {
  const { rows } = await client.query(
    `SELECT nspname AS left FROM pg_namespace WHERE nspname LIKE 'simdgres%'
     UNION ALL SELECT query FROM pg_stat_activity WHERE application_name = 'simdgres'`,
  )
  return rows
}

describe('bench on a server that exists', () => {
  it('leaves no schema and no session, and no password in the result', async () => {
    const args = bench(...small, '--paths', 'null,pgvector-exact,extension-exact', '--json', '-')
    const { code, stdout, stderr } = await runCli(args, withPassword())
    expect(stderr).not.toContain('error:')
    expect(code).toBe(0)
    const result = resultSchema.parse(JSON.parse(stdout))
    expect(result.environment.target).toBe('url')
    expect(stdout + stderr).not.toContain(connection.password)
    expect(await readLeftovers()).toEqual([])
  })

  it('cancels an index build on Ctrl-C and cleans up', async () => {
    const large = ['--dataset', 'synthetic-100000x100', '--queries', '10', '--paths', 'pgvector-hnsw']
    const cli = startCli(bench(...large), withPassword())
    await cli.waitFor('Building vectors_hnsw_index')
    cli.process.kill('SIGINT')
    const { code, stderr } = await cli.done
    expect(stderr).toContain('error: Stopped while building vectors_hnsw_index')
    expect(code).toBe(130)
    expect(await readLeftovers()).toEqual([])
  })

  it('refuses to share the server with another run', async () => {
    await client.query("SELECT pg_advisory_lock(hashtext('simdgres_bench'))")
    const { code, stderr } = await runCli(bench(...small, '--paths', 'null'), withPassword())
    await client.query("SELECT pg_advisory_unlock(hashtext('simdgres_bench'))")
    expect(stderr).toContain('error: Another simdgres run is using this server')
    expect(code).toBe(5)
  })

  it('creates no extension, and says which one a path misses', async () => {
    await client.query('CREATE DATABASE plain')
    const args = bench(...small, '--paths', 'null,pgvector-exact,extension-exact', '--url', urlOf('plain'))
    const { code, stdout, stderr } = await runCli(args, withPassword())
    // Two paths that were asked for by name could not run: whoever looks at the code alone has to see that.
    expect(code).toBe(7)
    expect(stderr).toContain('could be measured: pgvector-exact, extension-exact\n  next: ')
    expect(stdout).toMatch(/^null /m)
    expect(stdout).toContain('pgvector-exact unavailable: The database does not have the extension vector')
    expect(stdout).toContain('run CREATE EXTENSION simdgres in it')
    await client.query('DROP DATABASE plain')
  })

  it('says which right a role lacks, with code 3', async () => {
    const { code, stdout, stderr } = await runCli(...(await benchAs('reader', '', '--paths', 'null')))
    expect(stderr).toMatch(/^error: The PostgreSQL server refused while .*: permission denied for database/m)
    expect(stderr).toContain(`next: Use a role that may create a schema: GRANT CREATE ON DATABASE`)
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
  })

  it('says that a role may not write a checkpoint', async () => {
    const setup = `GRANT CREATE ON DATABASE ${connection.database} TO modest`
    const args = ['--paths', 'pgvector-exact', '--json', '-']
    const { code, stdout } = await runCli(...(await benchAs('modest', setup, ...args)))
    expect(code).toBe(0)
    expect(resultSchema.parse(JSON.parse(stdout)).warnings).toContainEqual(
      expect.stringMatching(/could not write a CHECKPOINT .*GRANT pg_checkpoint TO the role/),
    )
  })

  it('warms an index by queries where there is no pg_prewarm, and says so', async () => {
    await client.query('CREATE DATABASE cold')
    const cold = new pg.Client({ ...connection, database: 'cold' })
    await cold.connect()
    await cold.query('CREATE EXTENSION vector')
    const args = bench(...small, '--paths', 'pgvector-hnsw', '--json', '-', '--url', urlOf('cold'))
    const { code, stdout, stderr } = await runCli(args, withPassword())
    expect(code).toBe(0)
    expect(stderr).toContain('warming the index of pgvector-hnsw by queries')
    expect(resultSchema.parse(JSON.parse(stdout)).warnings).toContainEqual(
      expect.stringMatching(/no pg_prewarm: .*Run CREATE EXTENSION pg_prewarm/),
    )
    await cold.end()
    await client.query('DROP DATABASE cold')
  })

  it('says how to lift a time limit that is too short, with code 3, and cleans up', async () => {
    const setup = `GRANT CREATE ON DATABASE ${connection.database} TO hurried;
      ALTER ROLE hurried SET statement_timeout = '400ms'`
    const args = ['--dataset', 'synthetic-30000x100', '--queries', '10', '--paths', 'pgvector-hnsw']
    const { code, stdout, stderr } = await runCli(...(await benchAs('hurried', setup, ...args)))
    expect(stderr).toMatch(/^error: The PostgreSQL server refused while .*: canceling statement due to/m)
    expect(stderr).toContain('next: Lift the limit for this role (ALTER ROLE ... SET statement_timeout = 0)')
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
    expect(await readLeftovers()).toEqual([])
  })

  it('refuses settings it cannot apply', async () => {
    const { code, stderr } = await runCli(
      bench(...small, '--paths', 'null', '--memory', '1g'),
      withPassword(),
    )
    expect(code).toBe(2)
    expect(stderr).toContain('cannot be applied to a server that exists already')
  })
})
