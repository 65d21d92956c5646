import { execFile } from 'node:child_process'
import { readFile, realpath } from 'node:fs/promises'
import { availableParallelism, cpus, release, totalmem, type } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { ExtensionName, ExtensionState } from '../paths/server/extensions.js'
import { sessionSettings } from '../paths/server/forced-settings.js'
import type { Session } from '../paths/server/session.js'
import type { Environment } from '../result/schema.js'
import { packageRoot } from '../system/cache-folder.js'
import { capabilities } from '../vectors/capabilities.js'

/** Server parameters that decide how vectors are searched and loaded. */
const settingNames = [
  'shared_buffers',
  'effective_cache_size',
  'work_mem',
  'maintenance_work_mem',
  'max_worker_processes',
  'max_parallel_workers',
  'max_parallel_workers_per_gather',
  'max_parallel_maintenance_workers',
  'huge_pages',
  'random_page_cost',
  'effective_io_concurrency',
  'io_method',
  'wal_level',
  'max_wal_size',
  'fsync',
  'synchronous_commit',
]

export type ServerEnvironment = Pick<
  Environment,
  'postgres' | 'pgvector' | 'extension' | 'extensionIsa' | 'settings'
>

/** What the machine is, for the result file. */
export async function describeMachine(): Promise<
  Omit<Environment, 'target' | 'settings' | 'readBandwidthGBps'>
> {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    isa: capabilities().isa,
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    kernel: `${type()} ${release()}`,
    node: process.version,
    commit: await readCommit(),
  }
}

/** A server that can be asked what it is. */
interface KnownServer {
  readonly session: Session
  extension(name: ExtensionName): ExtensionState
  connect(): Promise<Session>
}

/** What the server is; parameters it does not know (older versions) are left out. */
export async function describeServer(server: KnownServer): Promise<ServerEnvironment> {
  const { session } = server
  const [version] = await session.query<{ server_version: string }>('SHOW server_version')
  const rows = await session.query<{ name: string; value: string }>(
    'SELECT name, current_setting(name) AS value FROM pg_settings WHERE name = ANY($1)',
    [settingNames],
  )
  const vector = server.extension('vector')
  const simdgres = server.extension('simdgres')
  return {
    postgres: version!.server_version,
    ...(vector.installed && { pgvector: vector.version }),
    ...(simdgres.installed && { extension: simdgres.version, extensionIsa: await readIsa(server) }),
    settings: { ...Object.fromEntries(rows.map(({ name, value }) => [name, value])), ...sessionSettings },
  }
}

async function readIsa(server: KnownServer): Promise<string> {
  const session: Session = await server.connect()
  try {
    const [row] = await session.query<{ isa: string }>('SELECT simdgres_isa() AS isa')
    return row!.isa
  } finally {
    await session.close()
  }
}

/** Commit of the checkout, marked if files of it differ; outside of one, the version of the package. */
export async function readCommit(): Promise<string> {
  const git = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)('git', ['-C', packageRoot, ...args])).stdout.trim()
  try {
    // A package in node_modules is inside of a checkout, too: its user's.
    if ((await realpath(await git('rev-parse', '--show-toplevel'))) === (await realpath(packageRoot))) {
      const changes = await git('status', '--porcelain', '--untracked-files=no')
      return (await git('rev-parse', 'HEAD')) + (changes === '' ? '' : '-dirty')
    }
  } catch {
    // No git, or no checkout: the version of the package is all there is to say.
  }
  const { version } = JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8')) as {
    version: string
  }
  return `v${version}`
}
