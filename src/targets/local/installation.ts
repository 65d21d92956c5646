import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { SimdgresError } from '../../errors.js'

/** A PostgreSQL server installed on this machine, as its own `pg_config` describes it. */
export interface Installation {
  readonly pgConfig: string
  /** `15.20` */
  readonly version: string
  readonly major: number
  readonly binDir: string
  readonly libDir: string
  readonly shareDir: string
  /** Server headers and PGXS are installed, so extensions can be built. */
  readonly hasHeaders: boolean
  /** Changes when the package is upgraded, even if the version does not. */
  readonly fingerprint: string
}

/** The versions the extension is written for. */
export const supportedMajors = { min: 15, max: 18 } as const

/** Where distributions keep one folder per major version. */
const versionedRoots = [
  { folder: '/usr/lib/postgresql', pattern: /^\d+$/ },
  { folder: '/usr', pattern: /^pgsql-\d+$/ },
  { folder: '/opt/homebrew/opt', pattern: /^postgresql@\d+$/ },
] as const

const installHint =
  'Run `node scripts/setup.mjs local`, which installs it or prints the command that does, or use --target docker.'

/**
 * The installation to run: the one of `major` if given, else the newest supported one, preferring those with headers.
 * Rejects with ERR_UNAVAILABLE and what was found instead.
 */
export async function findInstallation(major?: number): Promise<Installation> {
  const all = await listInstallations()
  const usable = all
    .filter((one) => one.major >= supportedMajors.min && one.major <= supportedMajors.max)
    .filter((one) => major === undefined || one.major === major)
    .sort((a, b) => Number(b.hasHeaders) - Number(a.hasHeaders) || b.major - a.major)
  const [best] = usable
  if (!best) throw nothingFound(all, major)
  if (!best.hasHeaders) {
    throw new SimdgresError(
      'ERR_UNAVAILABLE',
      `PostgreSQL ${best.version} in ${best.binDir} has no server headers, so the extension cannot be built`,
      `Install postgresql-server-dev-${best.major} (Debian and Ubuntu) or the matching development package.`,
    )
  }
  return best
}

/** Every server on this machine, supported or not. */
export async function listInstallations(): Promise<Installation[]> {
  const found = await Promise.all((await candidates()).map(describeInstallation))
  const byFolder = new Map<string, Installation>()
  for (const one of found) {
    if (one && !byFolder.has(one.binDir)) byFolder.set(one.binDir, one)
  }
  return [...byFolder.values()]
}

async function candidates(): Promise<string[]> {
  const paths: string[] = []
  for (const { folder, pattern } of versionedRoots) {
    if (!existsSync(folder)) continue
    const names = (await readdir(folder)).filter((name) => pattern.test(name))
    paths.push(...names.map((name) => join(folder, name, 'bin', 'pg_config')))
  }
  const onPath = (process.env['PATH'] ?? '').split(':').filter((folder) => folder.startsWith('/'))
  paths.push(...onPath.map((folder) => join(folder, 'pg_config')))
  return paths.filter((path) => existsSync(path))
}

/** Undefined if the `pg_config` belongs to a client library without a server. */
async function describeInstallation(pgConfig: string): Promise<Installation | undefined> {
  const settings = parsePgConfig(await printSettings(pgConfig))
  const version = /^PostgreSQL (\d+)(\S*)/.exec(settings.get('VERSION') ?? '')
  const binDir = settings.get('BINDIR')
  const libDir = settings.get('PKGLIBDIR')
  const shareDir = settings.get('SHAREDIR')
  if (!version?.[1] || !binDir || !libDir || !shareDir) return undefined
  const server = join(binDir, 'postgres')
  if (!existsSync(server) || !existsSync(join(binDir, 'initdb'))) return undefined
  // pgvector can be upgraded on its own.
  const files = [server, join(libDir, 'vector.so'), join(shareDir, 'extension', 'vector.control')]
  return {
    pgConfig,
    version: `${version[1]}${version[2] ?? ''}`,
    major: Number(version[1]),
    binDir,
    libDir,
    shareDir,
    hasHeaders:
      existsSync(join(settings.get('INCLUDEDIR-SERVER') ?? '/nonexistent', 'postgres.h')) &&
      existsSync(settings.get('PGXS') ?? '/nonexistent'),
    fingerprint: `${binDir}:${(await Promise.all(files.map(describeFile))).join(':')}`,
  }
}

/** Differs between versions of a file; empty if there is none. */
async function describeFile(path: string): Promise<string> {
  if (!existsSync(path)) return ''
  const { size, mtimeMs } = await stat(path)
  return `${size}-${mtimeMs}`
}

/** Empty for a `pg_config` that does not run: one broken installation must not hide the others. */
async function printSettings(pgConfig: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(pgConfig, [], { timeout: 10_000 })
    return stdout
  } catch {
    return ''
  }
}

/** `NAME = value` lines. */
function parsePgConfig(text: string): Map<string, string> {
  const settings = new Map<string, string>()
  for (const line of text.split('\n')) {
    const at = line.indexOf(' = ')
    if (at > 0) settings.set(line.slice(0, at), line.slice(at + 3).trim())
  }
  return settings
}

function nothingFound(all: readonly Installation[], major: number | undefined): SimdgresError {
  const wanted =
    major === undefined
      ? `PostgreSQL ${supportedMajors.min} to ${supportedMajors.max}`
      : `PostgreSQL ${major}`
  const found = all.map((one) => one.version).join(', ')
  return new SimdgresError(
    'ERR_UNAVAILABLE',
    `${wanted} is not installed on this machine${found ? ` (found: ${found})` : ''}`,
    installHint,
  )
}
