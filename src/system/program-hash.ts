import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from './cache-folder.js'

/** What this process runs, and what the server's image and extension are built from. */
const programParts = ['dist', 'build/Release/simdgres.node', 'prebuilds', 'native', 'docker']

/**
 * sha-256 (hex) over the program that measures. A commit does not tell one dirty work tree from the next: what one has
 * measured is not what another would.
 */
export function hashProgram(): string {
  const hash = createHash('sha256')
  const explicit = process.env['SIMDGRES_ADDON']
  const paths = programParts.map((part) => join(packageRoot, part))
  for (const path of explicit === undefined ? paths : [...paths, explicit]) {
    for (const file of listFiles(path)) hash.update(`${file}\0`).update(readFileSync(file)).update('\0')
  }
  return hash.digest('hex')
}

/** None where there is nothing: a package has what it needs, and a bundle nothing of it. */
function listFiles(path: string): string[] {
  const entry = lstatSync(path, { throwIfNoEntry: false })
  if (entry?.isFile()) return [path]
  if (!entry?.isDirectory()) return []
  return readdirSync(path)
    .sort()
    .flatMap((name) => listFiles(join(path, name)))
}
