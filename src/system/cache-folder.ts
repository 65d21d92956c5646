import { accessSync, constants, existsSync, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, isAbsolute, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SimdgresError } from '../errors.js'
import { describeStorageFault } from './storage-error.js'

/**
 * Root of the installed package: the folder that holds package.json, docker/ and native/. In a bundle it holds none of
 * them, and a bundle of CommonJS does not know where it lies: there it is the folder of the program.
 */
export const packageRoot = findPackageRoot(import.meta.url)

function findPackageRoot(url: string | undefined): string {
  return url === undefined
    ? dirname(resolve(process.argv[1] ?? '.'))
    : resolve(fileURLToPath(new URL('../..', url)))
}

/**
 * The one folder the project writes to: data sets, ground truth, private servers, base images. Makes it and those above
 * it. `SIMDGRES_CACHE` moves it. The default is `.cache` in the package's own folder, or the user's cache folder
 * (`$XDG_CACHE_HOME/simdgres`, else `~/.cache/simdgres`) where the package belongs to somebody else.
 * @throws ERR_RESOURCE, naming the folder, where nothing can be written to it.
 */
export function cacheFolder(...parts: readonly string[]): string {
  const folder = cachePath(...parts)
  try {
    mkdirSync(folder, { recursive: true })
    accessSync(folder, constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new SimdgresError(
      'ERR_RESOURCE',
      `The cache folder ${folder} cannot be written: ${describeStorageFault(error)}`,
      'Set SIMDGRES_CACHE to a folder you may write to, on a disk with free space.',
      { cause: error },
    )
  }
  return folder
}

/** Where a folder or file of the cache is. Nothing is made: a cache that is filled can be read by those who may not write. */
export function cachePath(...parts: readonly string[]): string {
  return resolve(process.env['SIMDGRES_CACHE'] || defaultRoot(), ...parts)
}

/** Looked up at each call: the folder can change hands, and tests change the environment. */
function defaultRoot(): string {
  const own = resolve(packageRoot, '.cache')
  if (isWritable(existsSync(own) ? own : dirname(own))) return own
  const named = process.env['XDG_CACHE_HOME'] ?? ''
  // The XDG specification tells to ignore a relative path.
  return resolve(isAbsolute(named) ? named : resolve(homedir(), '.cache'), 'simdgres')
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
    return true
  } catch {
    // Whatever the reason, the answer is no.
    return false
  }
}
