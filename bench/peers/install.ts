import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFile, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { SimdgresError, throwIfAborted } from '#src/errors.js'
import type { Progress } from '#src/progress.js'
import { cacheFolder, packageRoot } from '#src/system/cache-folder.js'

const run = promisify(execFile)

/**
 * Installs the pinned libraries of bench/peers/pins, integrity checked by npm, into the cache folder;
 * does nothing if those of this lock file are there already. No install scripts run: we compile what needs compiling.
 * Resolves to a `require` of that folder.
 */
export async function installPeers(progress: Progress, signal: AbortSignal): Promise<NodeJS.Require> {
  const folder = cacheFolder('peers')
  const pins = join(packageRoot, 'bench', 'peers', 'pins')
  const stamp = createHash('sha256')
    .update(await readFile(join(pins, 'package-lock.json')))
    .digest('hex')
  const stampFile = join(folder, 'node_modules', '.simdgres-stamp')
  if ((await readIfThere(stampFile)) !== stamp) {
    for (const file of ['package.json', 'package-lock.json']) {
      await copyFile(join(pins, file), join(folder, file))
    }
    progress.note(`Installing the libraries to compare with into ${folder}`)
    await runNpm(folder, signal)
    await writeFile(stampFile, stamp)
  }
  const require = createRequire(join(folder, 'package.json'))
  await compileHnswlib(require, progress, signal)
  return require
}

/** Removes what was installed there, the stamp included. */
async function runNpm(folder: string, signal: AbortSignal): Promise<void> {
  try {
    await run('npm', ['ci', '--ignore-scripts', '--omit=optional', '--no-audit', '--no-fund'], {
      cwd: folder,
      signal,
    })
  } catch (error) {
    throwIfAborted(signal)
    throw new SimdgresError(
      'ERR_UNAVAILABLE',
      `npm could not install the libraries to compare with: ${lastLine(error)}`,
      'Check the network and the registry of your npm configuration, then start it again.',
      { cause: error },
    )
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** hnswlib-node has no prebuilt binaries. The flags are those of a Release build by node-gyp. */
async function compileHnswlib(
  require: NodeJS.Require,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const folder = dirname(require.resolve('hnswlib-node/package.json'))
  const output = join(folder, 'build', 'Release', 'addon.node')
  if (await stat(output).catch(() => undefined)) return
  progress.note('Compiling hnswlib-node')
  const own = createRequire(import.meta.url)
  const napiHeaders = (own('node-api-headers') as { include_dir: string }).include_dir
  const wrapperHeaders = dirname(require.resolve('node-addon-api'))
  await mkdir(dirname(output), { recursive: true })
  const flags = ['-std=gnu++17', '-O3', '-DNDEBUG', '-fPIC', '-shared', '-w']
  const defines = [
    '-DNAPI_DISABLE_CPP_EXCEPTIONS',
    '-DNODE_GYP_MODULE_NAME=addon',
    '-DBUILDING_NODE_EXTENSION',
  ]
  const includes = [`-I${napiHeaders}`, `-I${wrapperHeaders}`]
  const source = join(folder, 'src', 'addon.cc')
  const compiler = process.env['CXX'] || 'c++'
  try {
    await run(compiler, [...flags, ...defines, ...includes, source, '-o', output], { signal })
  } catch (error) {
    // It is then reported as unavailable; the others can be compared with all the same.
    progress.note(`hnswlib-node could not be compiled: ${lastLine(error)}`)
  }
}

export function lastLine(error: unknown): string {
  const text =
    error instanceof Error && 'stderr' in error && error.stderr ? String(error.stderr) : String(error)
  return text.trim().split('\n').at(-1) ?? ''
}
