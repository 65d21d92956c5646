import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { isInstalled, packageRoot, runQuietly, SetupError, say } from './shell.mjs'

/** Programs that build the addon and the extension, and the Debian packages that bring them. */
const toolchain = { gcc: 'gcc', 'g++': 'g++', make: 'make', cmake: 'cmake' }
/** Runs the kernels as a processor without AVX2 would. */
const emulator = { 'qemu-x86_64': 'qemu-user' }

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
  const isRoot = process.getuid?.() === 0
  if (isRoot) await runQuietly('Updating the package lists', 'apt-get', ['-q', 'update'])
  const all = [...names, ...(choose?.() ?? [])]
  if (!isRoot) {
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
      ['-q', '-y', '--no-install-recommends', '-o', 'Dpkg::Options::=--force-confold', 'install', ...all],
      { DEBIAN_FRONTEND: 'noninteractive' },
    )
  } finally {
    undo()
  }
}

/**
 * Debian's package makes a cluster and starts it; nobody asked for a server on port 5432. The setting is there only
 * while we install, and only where postgresql-common is not configured yet: its configuration is its owner's.
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
    `${packageRoot}/dist/targets/local-installation.js`
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
    const majors = servers.map(({ major }) => major)
    for (let major = supportedMajors.max; major >= supportedMajors.min; major--) majors.push(major)
    const major = majors.find((one) => isAvailable(`postgresql-server-dev-${one}`))
    if (major === undefined) {
      const range = `${supportedMajors.min} to ${supportedMajors.max}`
      throw new SetupError(
        `This distribution has no PostgreSQL ${range}. Use a Docker engine (--target docker).`,
        3,
      )
    }
    const vector = `postgresql-${major}-pgvector`
    if (!isAvailable(vector))
      say('No package of pgvector here: it is built from its source package when needed')
    return [`postgresql-${major}`, `postgresql-server-dev-${major}`, ...(isAvailable(vector) ? [vector] : [])]
  }
}

/** @param {string} name of a package */
function isAvailable(name) {
  const { stdout } = spawnSync('apt-cache', ['show', '--no-all-versions', name], { encoding: 'utf8' })
  return stdout?.startsWith('Package:') ?? false
}
