import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import dockerignore from '@balena/dockerignore'
import { pack } from 'tar-stream'

/** One file of a build context. */
interface ContextFile {
  /** Relative to the context's folder, with slashes. */
  readonly path: string
  readonly content: Buffer
  readonly isExecutable: boolean
}

/** The files an image is built from, and a hash over their names, modes and contents. */
export interface BuildContext {
  readonly files: readonly ContextFile[]
  /** sha-256, hex. */
  readonly hash: string
}

/**
 * Reads the files of a build context that `<dockerfile>.dockerignore` (BuildKit's name for a Dockerfile's own ignore
 * file) does not leave out.
 */
export function readBuildContext(folder: string, dockerfile: string): BuildContext {
  const rules = readFileSync(join(folder, `${dockerfile}.dockerignore`), 'utf8')
  const ignore = dockerignore.default().add(rules)
  const mayHold = foldersOfExceptions(rules)
  const files = [...walk(folder, '', mayHold)]
    .filter((path) => !ignore.ignores(path))
    .sort()
    .map((path) => ({
      path,
      content: readFileSync(join(folder, path)),
      isExecutable: (statSync(join(folder, path)).mode & 0o100) !== 0,
    }))
  const hash = createHash('sha256')
  for (const { path, content, isExecutable } of files) {
    hash.update(`${path}\0${isExecutable ? 'x' : '-'}\0${content.length}\0`).update(content)
  }
  return { files, hash: hash.digest('hex') }
}

/** The context as the engine takes it. Times are zero, so that the engine's layer cache sees only the contents. */
export function packBuildContext({ files }: BuildContext): Readable {
  const archive = pack()
  for (const { path, content, isExecutable } of files) {
    archive.entry({ name: path, mode: isExecutable ? 0o755 : 0o644, mtime: new Date(0) }, content)
  }
  archive.finalize()
  return Readable.from(archive)
}

/**
 * If the rules exclude everything (`*`), only folders on the way to an exception can hold files. Without this,
 * node_modules would be walked for nothing.
 */
function foldersOfExceptions(rules: string): (folder: string) => boolean {
  const lines = rules.split('\n').map((line) => line.trim())
  if (!lines.includes('*')) return () => true
  const exceptions = lines
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1).replace(/\/+$/, ''))
  return (folder) =>
    exceptions.some((path) => `${path}/`.startsWith(`${folder}/`) || `${folder}/`.startsWith(`${path}/`))
}

function* walk(root: string, folder: string, mayHold: (folder: string) => boolean): Generator<string> {
  for (const name of readdirSync(join(root, folder))) {
    const path = folder === '' ? name : `${folder}/${name}`
    const entry = lstatSync(join(root, path))
    if (entry.isDirectory()) {
      if (mayHold(path)) yield* walk(root, path, mayHold)
    } else if (entry.isFile()) {
      yield path
    }
  }
}
