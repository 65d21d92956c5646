import { chown, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SimdgresError } from '../../errors.js'
import { runCommand } from '../../system/command.js'
import type { ConnectionInfo, DeploySettings } from '../target.js'
import type { RunFolder } from './run-folder.js'
import { serverProgram } from './server-tree.js'
import { runSql } from './sql.js'

export const role = 'simdgres'
export const database = 'simdgres'
const extensions = ['vector', 'simdgres', 'pg_prewarm'] as const

/** Makes the files of an empty cluster in the run's folder. */
export async function initialiseCluster(
  run: RunFolder,
  password: string,
  signal: AbortSignal,
): Promise<void> {
  const passwordFile = join(run.path, 'password')
  await writeFile(passwordFile, password, { mode: 0o600, flag: 'wx' })
  if (run.user) await chown(passwordFile, run.user.uid, run.user.gid)
  const args = [
    ...['--pgdata', run.dataDir, '--username', role, '--pwfile', passwordFile],
    ...['--auth=scram-sha-256', '--encoding=UTF8', '--no-locale', '--data-checksums'],
    // A power cut during initdb costs nothing: the folder is swept. The server itself does sync.
    '--no-sync',
  ]
  try {
    await runCommand(serverProgram(run.tree, 'initdb'), args, {
      purpose: 'Creating the cluster',
      hint: 'Read the lines above; run `node scripts/setup.mjs local` to check the installation.',
      signal,
      cwd: run.dataDir,
      env: serverEnvironment({}),
      user: run.user,
    })
  } finally {
    await rm(passwordFile, { force: true })
  }
}

/**
 * Sets a new password for the role while the server is down, because the killed run's password was not kept anywhere. The
 * single-user server first replays the log if the last server was killed.
 */
export async function replacePassword(run: RunFolder, password: string, signal: AbortSignal): Promise<void> {
  const settings = [
    // Otherwise a statement that fails would exit with code 0, and would be logged together with the password.
    ...['exit_on_error=on', 'log_statement=none', 'log_min_error_statement=panic'],
    ...['log_min_duration_statement=-1', 'unix_socket_directories='],
  ].flatMap((setting) => ['-c', setting])
  await runCommand(
    serverProgram(run.tree, 'postgres'),
    ['--single', '-D', run.dataDir, ...settings, 'postgres'],
    {
      purpose: 'Opening the cluster of the killed run',
      hint: 'Remove its folder and run it again.',
      signal,
      cwd: run.dataDir,
      env: serverEnvironment({}),
      user: run.user,
      input: `ALTER ROLE ${role} PASSWORD '${password}'\n`,
    },
  )
}

/** Makes the database and its extensions in a new cluster, whose server runs. */
export async function createDatabase(connection: ConnectionInfo): Promise<void> {
  try {
    await runSql({ ...connection, database: 'postgres' }, [`CREATE DATABASE ${database}`])
    await runSql(
      connection,
      extensions.map((name) => `CREATE EXTENSION ${name}`),
    )
  } catch (cause) {
    throw describeSetupFailure(cause)
  }
}

/** Only what the server needs of our environment: no passwords, and no PG* variables that change its behaviour. */
export function serverEnvironment(settings: DeploySettings): NodeJS.ProcessEnv {
  const isa = settings.isa ?? process.env['SIMDGRES_ISA']
  return {
    PATH: process.env['PATH'],
    LC_ALL: 'C',
    ...(isa !== undefined && { SIMDGRES_ISA: isa }),
  }
}

function describeSetupFailure(cause: unknown): SimdgresError {
  const why = cause instanceof Error ? cause.message : String(cause)
  // The extension refuses an instruction set that it does not know or that the processor lacks.
  if (why.includes('SIMDGRES_ISA')) {
    return new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      `The extension could not be loaded: ${why}`,
      'Name an instruction set this processor has, or leave it out to get the best one.',
      { cause },
    )
  }
  return new SimdgresError(
    'ERR_UNAVAILABLE',
    `The new server could not be set up: ${why}`,
    'Remove the folder `postgres` in the cache folder and run it again.',
    { cause },
  )
}
