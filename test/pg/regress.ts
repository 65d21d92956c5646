import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { SimdgresError } from '#src/errors.js'
import { listInstallations } from '#src/targets/local/installation.js'
import type { ConnectionInfo } from '#src/targets/target.js'

/** In this order: the first one creates the extension the others use. */
const tests = ['setup', 'vector', 'halfvec', 'real_array', 'bit', 'walks', 'properties', 'plans'] as const
const database = 'simdgres_regress'

/**
 * Runs PostgreSQL's own pg_regress over test/pg/sql against any server that has pgvector and simdgres installed, of
 * any major version: in a container just as here. `connection` names a superuser and a database to connect to; the
 * suite gets a fresh database of its own, which is gone afterwards. Rejects with the differences.
 */
export async function runRegress(connection: ConnectionInfo): Promise<void> {
  const tools = await findTools()
  const outputFolder = await mkdtemp(join(tmpdir(), 'simdgres-regress-'))
  const client = new pg.Client({ ...connection })
  await client.connect()
  try {
    await client.query(`CREATE DATABASE ${database} TEMPLATE template0`)
    await runTests(tools, connection, outputFolder)
  } finally {
    await client.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`)
    await client.end()
    await rm(outputFolder, { recursive: true })
  }
}

interface Tools {
  readonly pgRegress: string
  readonly binDir: string
}

/** pg_regress belongs to the client package; it tests servers of other versions just as well. */
async function findTools(): Promise<Tools> {
  for (const { libDir, binDir } of await listInstallations()) {
    const pgRegress = join(libDir, 'pgxs/src/test/regress/pg_regress')
    if (existsSync(pgRegress)) return { pgRegress, binDir }
  }
  throw new SimdgresError(
    'ERR_UNAVAILABLE',
    'No installed PostgreSQL has pg_regress',
    'Install the packages postgresql and postgresql-server-dev-all.',
  )
}

async function runTests(tools: Tools, connection: ConnectionInfo, outputFolder: string): Promise<void> {
  const { host, port, user, password } = connection
  const args = [
    ...['--use-existing', `--dbname=${database}`, `--bindir=${tools.binDir}`],
    ...[`--inputdir=${import.meta.dirname}`, `--outputdir=${outputFolder}`],
    ...[`--host=${host}`, `--port=${port}`, `--user=${user}`],
    ...tests,
  ]
  try {
    await promisify(execFile)(tools.pgRegress, args, { env: { ...process.env, PGPASSWORD: password } })
  } catch (cause) {
    const differences = join(outputFolder, 'regression.diffs')
    if (!existsSync(differences)) throw cause
    throw new SimdgresError(
      'ERR_CHECK_FAILED',
      `pg_regress found differences:\n${await readFile(differences, 'utf8')}`,
      'Correct the extension, or the files in test/pg/expected if the new output is right.',
      { cause },
    )
  }
}
