import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { packageRoot } from '../../system/cache-folder.js'
import { runCommand } from '../../system/command.js'
import type { Installation } from './installation.js'
import type { BuildContext } from './pgvector.js'

/** What the extension is made of, relative to the package's root. */
const sources = ['CMakeLists.txt', 'native/kernels', 'native/codes', 'native/pg']

/** sha-256 (hex) over names and contents of the extension's sources. */
export async function hashExtensionSources(): Promise<string> {
  const hash = createHash('sha256')
  for (const source of sources) {
    for (const file of await listFiles(source)) {
      hash.update(file).update('\0')
      hash.update(await readFile(join(packageRoot, file))).update('\0')
    }
  }
  return hash.digest('hex')
}

async function listFiles(path: string): Promise<string[]> {
  if (path.endsWith('.txt')) return [path]
  const entries = await readdir(join(packageRoot, path), { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(packageRoot.length + 1))
    .sort()
}

/**
 * Builds the simdgres extension for `installation` and installs it below `root`, which is laid out like the file
 * system's root (a DESTDIR). `buildFolder` is kept: the next build compiles only what changed.
 */
export async function installExtension(
  installation: Installation,
  root: string,
  buildFolder: string,
  context: BuildContext,
): Promise<void> {
  context.progress.note(`Building the simdgres extension for PostgreSQL ${installation.version}`)
  const options = {
    purpose: 'Building the simdgres extension',
    hint: 'Run `node scripts/setup.mjs local`, which installs the compiler and the server headers.',
    signal: context.signal,
  }
  await runCommand(
    'cmake',
    ['-S', packageRoot, '-B', buildFolder, '-DSIMDGRES_PG=ON', `-DPG_CONFIG=${installation.pgConfig}`],
    options,
  )
  await runCommand('cmake', ['--build', buildFolder, '--parallel', String(availableParallelism())], options)
  await runCommand('cmake', ['--install', buildFolder], {
    ...options,
    env: { ...process.env, DESTDIR: root },
  })
}
