import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot, runQuietly } from './shell.mjs'

const path = (...parts) => join(packageRoot, ...parts)

/** npm of the `npm run` that started us, else the one in PATH. @param {string} title @param {string[]} args */
function runNpm(title, args) {
  const npm = process.env.npm_execpath
  return npm?.endsWith('.js')
    ? runQuietly(title, process.execPath, [npm, ...args])
    : runQuietly(title, 'npm', args)
}

/** An installed package has no lock file, no sources and nothing to install: its user's npm did that. */
export async function installModules() {
  if (!existsSync(path('package-lock.json')) || areModulesCurrent()) return
  await runNpm('Installing node modules', ['ci', '--no-audit', '--no-fund', '--loglevel=error'])
}

/** Compares what npm installed with the lock file; dates say nothing after a checkout. */
function areModulesCurrent() {
  const installedFile = path('node_modules', '.package-lock.json')
  if (!existsSync(installedFile)) return false
  const wanted = JSON.parse(readFileSync(path('package-lock.json'), 'utf8')).packages
  const installed = JSON.parse(readFileSync(installedFile, 'utf8')).packages
  return Object.entries(wanted).every(([name, entry]) => {
    if (name === '') return true
    const found = installed[name]
    // Optional packages for other platforms are in the lock file only.
    return found ? found.integrity === entry.integrity : entry.optional === true
  })
}

/** The library and the command line, from src/ to dist/. */
export async function buildDist() {
  if (!existsSync(path('src'))) return
  const stamp = hashFiles(['src', 'tsconfig.json', 'package-lock.json'])
  if (readStamp('dist/.stamp') === stamp) return
  // Into a folder of its own, so that a failed or stopped build leaves the last good one in place.
  const part = path(`dist.part-${process.pid}`)
  try {
    await runQuietly('Compiling TypeScript', process.execPath, [
      path('node_modules', 'typescript', 'bin', 'tsc'),
      ...['-p', path('tsconfig.json'), '--outDir', part],
    ])
    writeFileSync(join(part, '.stamp'), stamp)
    rmSync(path('dist'), { recursive: true, force: true })
    renameSync(part, path('dist'))
  } finally {
    rmSync(part, { recursive: true, force: true })
  }
}

/** The Node-API addon. SIMDGRES_ADDON names a finished one. */
export async function buildAddon() {
  if (!isAddonNeeded()) return
  await runNpm('Building the addon', ['run', '--silent', 'build:native'])
  // An addon left behind by a pack that was stopped would be loaded in its place.
  rmSync(path('prebuilds', `${process.platform}-${process.arch}`), { recursive: true, force: true })
  writeFileSync(path(addonStamp), hashFiles(addonSources))
}

export function isAddonNeeded() {
  if (process.env.SIMDGRES_ADDON || !existsSync(path('package-lock.json'))) return false
  return !existsSync(path('build/Release/simdgres.node')) || readStamp(addonStamp) !== hashFiles(addonSources)
}

const addonStamp = 'build/Release/.stamp'
const addonSources = [
  'CMakeLists.txt',
  'native/kernels',
  'native/codes',
  'native/node',
  'package.json',
  'package-lock.json',
]

/** The benchmarks' own addon and programs, on top of the library. @param {string} name of the benchmark */
export async function buildBenches(name) {
  const stampFile = 'build/js/.stamp'
  const stamp = hashFiles([...addonSources, 'src', 'bench', 'tsconfig.bench.json'])
  if (readStamp(stampFile) === stamp && existsSync(benchProgram(name))) return
  await runNpm('Building the benchmarks', ['run', '--silent', 'build:bench'])
  writeFileSync(path(stampFile), stamp)
}

/** @param {string} name */
export function benchProgram(name) {
  return path('build', 'js', 'bench', `${name}.js`)
}

/** @param {string} file */
function readStamp(file) {
  return existsSync(path(file)) ? readFileSync(path(file), 'utf8') : undefined
}

/** sha-256 (hex) over names and contents of files and folders. @param {string[]} names */
function hashFiles(names) {
  const hash = createHash('sha256')
  for (const name of names.flatMap(listFiles)) {
    hash
      .update(`${name}\0`)
      .update(readFileSync(path(name)))
      .update('\0')
  }
  return hash.digest('hex')
}

/** @param {string} name @returns {string[]} */
function listFiles(name) {
  if (!existsSync(path(name))) return []
  if (!statSync(path(name)).isDirectory()) return [name]
  return readdirSync(path(name))
    .sort()
    .flatMap((entry) => listFiles(join(name, entry)))
}
