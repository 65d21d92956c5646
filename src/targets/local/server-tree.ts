import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, mkdtemp, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheFolder, packageRoot } from '../../system/cache-folder.js'
import { runCommand } from '../../system/command.js'
import { withLock } from '../../system/file-lock.js'
import { errnoOf } from '../../system/storage-error.js'
import { hashExtensionSources, installExtension } from './extension.js'
import type { Installation } from './installation.js'
import { type BuildContext, buildPgvector } from './pgvector.js'

/**
 * A private copy of an installed server with pgvector and simdgres in it. PostgreSQL finds its lib and share folders
 * relative to its binary, so the copy keeps every path below `root`: `/usr/lib/postgresql/15/bin/postgres` becomes
 * `<root>/usr/lib/postgresql/15/bin/postgres`. That makes `root` a DESTDIR: extensions install into it without root
 * and without touching the machine's own server.
 */
export interface ServerTree {
  readonly root: string
  readonly installation: Installation
}

/** Path of one of the server's programs. */
export function serverProgram(tree: ServerTree, name: string): string {
  return join(tree.root, tree.installation.binDir, name)
}

/** Changes with every change of what the code below puts into a tree. */
const layoutVersion = 1
const treeName = /^pg.*-[0-9a-f]{12}-[0-9a-f]{12}$/
/** A tree of older sources is kept this long after its last use: switching branches does not build again. */
const keepUnusedMs = 7 * 24 * 3600 * 1000

/**
 * Makes the tree in the cache folder, or finds the one made earlier from the same server and the same sources. A tree
 * is never changed after it is made: running servers have its files open.
 */
export async function prepareServerTree(
  installation: Installation,
  context: BuildContext,
): Promise<ServerTree> {
  const folder = cacheFolder('postgres')
  const server = shortHash(`${installation.version} ${installation.fingerprint}`)
  const sources = shortHash(`${layoutVersion} ${await hashExtensionSources()}`)
  const prefix = `pg${installation.version}-${server}`
  const root = join(folder, `${prefix}-${sources}`)
  if (!existsSync(root)) {
    await withLock(join(folder, 'lock'), context.signal, async () => {
      if (!existsSync(root)) await buildTree(installation, { folder, prefix, root }, context)
    })
  }
  await noteUse(root)
  return { root, installation }
}

/** So that it is not removed as unused. A cache that cannot be written is not cleaned up either. */
async function noteUse(root: string): Promise<void> {
  const now = new Date()
  try {
    await utimes(root, now, now)
  } catch (error) {
    if (!['EROFS', 'EACCES', 'EPERM'].includes(errnoOf(error) ?? '')) throw error
  }
}

interface Places {
  readonly folder: string
  readonly prefix: string
  readonly root: string
}

async function buildTree(installation: Installation, places: Places, context: BuildContext): Promise<void> {
  await removeLeftovers(places.folder)
  const part = await mkdtemp(`${places.root}.part-`)
  try {
    for (const path of [installation.binDir, installation.libDir, installation.shareDir]) {
      await cp(path, join(part, path), { recursive: true, verbatimSymlinks: true })
    }
    if (!existsSync(join(part, installation.shareDir, 'extension', 'vector.control'))) {
      const built = join(places.folder, `${places.prefix}-pgvector`)
      await buildPgvector(installation, built, context)
      await cp(built, part, { recursive: true })
    }
    // Two checkouts may share a cache folder, and CMake keeps to the sources it was first told.
    const build = join(places.folder, `${places.prefix}-build-${shortHash(packageRoot)}`)
    await installExtension(installation, part, build, context)
    // Whatever our umask is: a server started by root runs as another user.
    await runCommand('chmod', ['-R', 'a+rX', part], {
      purpose: 'Making the private server readable',
      hint: 'Check the permissions of the cache folder.',
      signal: context.signal,
    })
    await rename(part, places.root)
  } finally {
    await rm(part, { recursive: true, force: true })
  }
}

/** Under the lock nobody else builds: half-made folders belong to processes that were killed. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    const { mtimeMs } = await stat(path)
    const unused = treeName.test(name) && Date.now() - mtimeMs > keepUnusedMs
    if (unused || name.includes('.part-')) await rm(path, { recursive: true, force: true })
  }
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}
