import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Root of the installed package: the folder that holds package.json, docker/ and native/. */
export const packageRoot = resolve(fileURLToPath(new URL('../..', import.meta.url)))

/**
 * The one folder the project writes to: data sets, ground truth, private servers, base images.
 * `SIMDGRES_CACHE` moves it; the default is `.cache` in the package's own folder.
 */
export function cacheFolder(...parts: readonly string[]): string {
  const root = process.env['SIMDGRES_CACHE'] || resolve(packageRoot, '.cache')
  const folder = resolve(root, ...parts)
  mkdirSync(folder, { recursive: true })
  return folder
}
