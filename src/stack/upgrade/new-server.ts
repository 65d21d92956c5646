import { PassThrough } from 'node:stream'
import { loadComposeFile } from '../../config/compose-file.js'
import { composePath } from '../../config/stack.js'
import type { ExecResult } from '../../engine/exec.js'
import { ensureServiceImage } from '../../engine/images/image.js'
import { SimdgresError } from '../../errors.js'
import type { Move } from '../move/replication.js'
import type { UpgradeState } from '../move/upgrade-state.js'
import { searchPathEnvironment, withSearchPath } from '../server/dump-search-path.js'
import { superuserCommand, superuserToolCommand } from '../server/sql.js'
import { prepareDataFolders } from '../services/data-folders.js'
import { databaseService, dataVolume } from '../services/service-names.js'
import { withoutArchive } from '../sets/archive.js'
import type { Stack } from '../stack.js'
import type { DatabasePair } from './comparison.js'

/** What is copied includes roles' passwords. They are verifiers, but even those do not belong in a log. */
const quietly =
  "SET log_statement = 'none'; SET log_min_error_statement = 'panic'; SET pgaudit.log = 'none';\n"
const shownLines = 8

/** Where an application finds names that have no schema, as docker/backup/contents.sql records it. */
const searchPathQuery = `
  SELECT string_agg(quote_ident(nspname), ', ' ORDER BY nspname <> 'app', nspname <> 'public', nspname)
  FROM pg_namespace n WHERE nspname IN ('app', 'public')
    OR nspname !~ '^pg_' AND EXISTS (SELECT FROM pg_extension e WHERE e.extnamespace = n.oid)`

/** As SET takes it. */
export async function readSearchPath(stack: Stack, server: string, database: string): Promise<string> {
  const [row] = await stack.query(searchPathQuery, { database, service: server })
  return row?.[0] ?? 'public'
}

/** Builds the image of the other version unless it is there. Resolves to its id. */
export async function ensureMajorImage(stack: Stack, major: string): Promise<string> {
  const compose = loadComposeFile(composePath, { ...stack.settings, PG_MAJOR: major })
  return ensureServiceImage(stack.engine, compose.services[databaseService]!, stack.progress, stack.signal)
}

/** Starts an empty server of the other version: the superuser, but no other role and no database. */
export async function startEmptyServer(stack: Stack, { to }: Move, image: string): Promise<void> {
  const volumes = { [dataVolume]: to.volume }
  await prepareDataFolders(stack, databaseService, { volumes, image })
  // Makes the cluster as a first boot does, without the roles and the schema that it would add.
  const script = `source /usr/local/lib/simdgres/first-boot.sh
    POSTGRES_PASSWORD="$(</run/secrets/postgres_password)"
    init_cluster
    ${withoutArchive}`
  const made = await stack.runOneShot(['bash', '-euo', 'pipefail', '-c', script], {
    service: databaseService,
    image,
    volumes,
  })
  requireTool(made, 'initdb')
  await stack.startService(databaseService, { name: to.name, image, volumes })
}

/** Copies roles, then every database, with its rows or the schema alone. */
export async function copyDatabases(
  stack: Stack,
  { from, to }: Move,
  state: UpgradeState,
  content: 'schema' | 'all',
): Promise<void> {
  const user = stack.superuser
  const globals = requireTool(
    await stack.exec(from.name, superuserToolCommand(user, 'pg_dumpall', ['--globals-only'])),
    'pg_dumpall',
  )
  // The new server has this role already.
  const roles = globals.replace(new RegExp(`^CREATE ROLE "?${user}"?;$`, 'm'), '')
  requireTool(
    await stack.exec(to.name, superuserCommand(user, 'postgres'), { stdin: quietly + roles }),
    'psql',
  )
  const names = Object.keys(state.connectionLimits)
  for (const [done, database] of names.entries()) {
    stack.progress.step(`copying ${content === 'all' ? 'databases' : 'schemas'}`, done, names.length)
    const args = [
      '--no-subscriptions',
      ...(content === 'schema' ? ['--schema-only'] : []),
      // Every new server has a database postgres.
      ...(database === 'postgres' ? [] : ['--create']),
      `--dbname=${database}`,
    ]
    const dump = superuserToolCommand(user, 'pg_dump', args)
    await pipe(
      stack,
      from.name,
      withSearchPath(dump),
      to.name,
      superuserCommand(user, 'postgres'),
      searchPathEnvironment(await readSearchPath(stack, from.name, database)),
    )
  }
}

/** The second command reads what the first writes. When one fails, both end. */
async function pipe(
  stack: Stack,
  from: string,
  dump: readonly string[],
  to: string,
  load: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  const channel = new PassThrough()
  const stop = new AbortController()
  const dumping = stack
    .exec(from, dump, { output: channel, signal: stop.signal })
    .finally(() => channel.end())
  const loading = stack.exec(to, load, { stdin: channel, environment }).finally(() => stop.abort())
  const [dumped, loaded] = await Promise.allSettled([dumping, loading])
  // If the reader failed, that is why the writer was stopped.
  if (loaded.status === 'rejected') throw loaded.reason
  requireTool(loaded.value, 'psql')
  if (dumped.status === 'rejected') throw dumped.reason
  requireTool(dumped.value, 'pg_dump')
}

function requireTool({ exitCode, stdout, stderr }: ExecResult, program: string): string {
  if (exitCode === 0) return stdout
  throw new SimdgresError(
    'ERR_CHECK_FAILED',
    `${program} failed: ${stderr.trim().split('\n').slice(-shownLines).join('\n')}`,
    'The old server goes on; correct what the message says and start again.',
  )
}

/** `claude_agents_auth: vector 0.8.0 -> 0.8.1`. A dump names no versions: the new image's packages decide. */
export async function compareExtensions({ database, old, next }: DatabasePair): Promise<string[]> {
  const sql = 'SELECT extname, extversion FROM pg_extension ORDER BY 1'
  const present = new Map(await next.run(sql).then((rows) => rows.map(([name, version]) => [name, version])))
  return (await old.run(sql)).flatMap(([name, version]) => {
    const now = present.get(name!) ?? 'missing'
    return now === version ? [] : [`${database}: ${name} ${version} -> ${now}`]
  })
}
