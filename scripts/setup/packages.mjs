import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { isInstalled, packageRoot, runQuietly, SetupError, say } from './shell.mjs'

/** Programs that build the addon and the extension, and the Debian packages that bring them. */
const toolchain = { gcc: 'gcc', 'g++': 'g++', make: 'make', cmake: 'cmake' }
/** Runs the kernels as a processor without AVX2 would. */
const emulator = { 'qemu-x86_64': 'qemu-user' }

/** A fresh machine often runs an upgrade of its own in its first minutes. Seconds. */
const waitForLock = ['-o', 'DPkg::Lock::Timeout=300']

/** Packages to install so that the addon can be built. */
export function missingToolchain() {
  return missing(toolchain)
}

export function missingEmulator() {
  return process.arch === 'x64' && process.platform === 'linux' ? missing(emulator) : []
}

/** @param {Record<string, string>} programs */
function missing(programs) {
  return Object.entries(programs)
    .filter(([program]) => !isInstalled(program))
    .map(([, name]) => name)
}

/**
 * Installs Debian packages as root; without root, or without apt, says what to install and stops with exit code 3.
 * `choose` is asked after the package lists are fresh, for names that depend on what the distribution has.
 * @param {string[]} names
 * @param {(() => string[]) | undefined} choose
 */
export async function installPackages(names, choose) {
  if (!isInstalled('apt-get')) {
    const what = [...names, ...(choose ? ['PostgreSQL 15 to 18 with its server headers'] : [])].join(', ')
    throw new SetupError(
      `This machine lacks: ${what}. Install them with its package manager and run it again.`,
      3,
    )
  }
  if (isRoot()) await runQuietly('Updating the package lists', 'apt-get', ['-q', ...waitForLock, 'update'])
  const all = [...names, ...(choose?.() ?? [])]
  if (!isRoot()) {
    throw new SetupError(
      `Some packages are missing, and installing them needs root. Run this, then run it again:\n` +
        `  sudo apt-get update && sudo apt-get install --no-install-recommends ${all.join(' ')}`,
      3,
    )
  }
  const undo = preventSystemCluster(all)
  try {
    await runQuietly(
      `Installing ${all.join(' ')}`,
      'apt-get',
      [
        ...['-q', '-y', '--no-install-recommends', ...waitForLock],
        ...['-o', 'Dpkg::Options::=--force-confold', 'install', ...all],
      ],
      { DEBIAN_FRONTEND: 'noninteractive' },
    )
  } finally {
    undo()
  }
}

/**
 * Debian's package makes a cluster and starts it; nobody asked for a server on port 5432. The setting is there only
 * while we install, and only where postgresql-common is not configured yet: a configuration that exists belongs to
 * its owner.
 * @param {string[]} names @returns {() => void} takes the setting away again
 */
function preventSystemCluster(names) {
  const file = '/etc/postgresql-common/createcluster.d/simdgres-setup.conf'
  const isOwners = existsSync('/etc/postgresql-common/createcluster.conf')
  if (isOwners || !names.some((name) => name.startsWith('postgresql'))) return () => undefined
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, 'create_main_cluster = false\n')
  return () => rmSync(file, { force: true })
}

/** What `findInstallation` of the library says about this machine; the library has to be built. */
async function findServer() {
  const { listInstallations, supportedMajors } = await import(
    `${packageRoot}/dist/targets/local/installation.js`
  )
  const servers = (await listInstallations()).filter(
    ({ major }) => major >= supportedMajors.min && major <= supportedMajors.max,
  )
  return { servers, supportedMajors }
}

/**
 * Undefined if a server with headers is installed, else a function that names the packages to install.
 * @returns {Promise<undefined | (() => string[])>}
 */
export async function missingServer() {
  const { servers, supportedMajors } = await findServer()
  if (servers.some(({ hasHeaders }) => hasHeaders)) return undefined
  return () => {
    const packages = chooseServerPackages({
      installed: servers.map(({ major }) => major),
      supported: supportedMajors,
      isAvailable,
      areListsFresh: isRoot(),
    })
    if (!packages.some((name) => name.endsWith('-pgvector')))
      say('No package of pgvector here: it is built from its source package when needed')
    return packages
  }
}

/**
 * Packages of a server with headers: of a version that is installed, else of the newest one there is.
 * @param {object} situation
 * @param {number[]} situation.installed major versions that lack their headers
 * @param {{ min: number, max: number }} situation.supported
 * @param {(name: string) => boolean} situation.isAvailable in the distribution
 * @param {boolean} situation.areListsFresh only root can bring them up to date
 * @returns {string[]}
 */
export function chooseServerPackages({ installed, supported, isAvailable, areListsFresh }) {
  const majors = [...installed]
  for (let major = supported.max; major >= supported.min; major--) majors.push(major)
  const major = majors.find((one) => isAvailable(`postgresql-server-dev-${one}`))
  if (major !== undefined) {
    const vector = `postgresql-${major}-pgvector`
    return [`postgresql-${major}`, `postgresql-server-dev-${major}`, ...(isAvailable(vector) ? [vector] : [])]
  }
  // Lists that are empty or old say nothing about the distribution. These names are those of its own version.
  if (!areListsFresh) return ['postgresql', 'postgresql-server-dev-all']
  const range = `${supported.min} to ${supported.max}`
  throw new SetupError(
    `This distribution has no PostgreSQL ${range}. Use a Docker engine (--target docker).`,
    3,
  )
}

function isRoot() {
  return process.getuid?.() === 0
}

/** @param {string} name of a package */
function isAvailable(name) {
  const { stdout } = spawnSync('apt-cache', ['show', '--no-all-versions', name], { encoding: 'utf8' })
  return stdout?.startsWith('Package:') ?? false
}
