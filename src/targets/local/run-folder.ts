import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { chmod, chown, cp, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SimdgresError } from '../../errors.js'
import type { Progress } from '../../progress.js'
import { cacheFolder } from '../../system/cache-folder.js'
import type { ProcessUser } from '../../system/command.js'
import type { ResumeMark } from '../../system/resume-mark.js'
import { runPrefix, writeOwner } from './run-owner.js'
import { type ServerTree, serverProgram } from './server-tree.js'

/** What one deployed cluster owns on disk. */
export interface RunFolder {
  readonly path: string
  /** Mode 0700, owned by the server's user; empty in a new one. */
  readonly dataDir: string
  /** The tree to start the server from: the cached one, or a copy the server's user can reach. */
  readonly tree: ServerTree
  /** Undefined where the server runs as we do. */
  readonly user: ProcessUser | undefined
}

/** Of the server's tree inside a run's folder, where there has to be a copy. */
const copyName = 'server'

/**
 * Makes the folder of a new cluster: in the project's cache, or, where root's cache folder is closed to the user the
 * server must run as (/root is 0700), in the system's folder for temporary files.
 */
export async function createRunFolder(
  tree: ServerTree,
  resume: ResumeMark | undefined,
  progress: Progress,
): Promise<RunFolder> {
  const user = findServerUser()
  const isReachable = canRun(tree, user)
  const path = await makeOwnedFolder(isReachable ? cacheFolder('postgres', 'runs') : tmpdir(), resume)
  try {
    if (!isReachable) {
      progress.note(
        `The cache folder is closed to user ${user?.name ?? 'of the server'}: the cluster is in ${path}`,
      )
    }
    const reachable = isReachable ? tree : await copyTree(tree, path, user)
    const dataDir = join(path, 'data')
    await mkdir(dataDir, { mode: 0o700 })
    if (user) await chown(dataDir, user.uid, user.gid)
    return { path, dataDir, tree: reachable, user }
  } catch (error) {
    await removeRunFolder(path)
    throw error
  }
}

/** Makes a folder that the next sweep knows how to judge, before anything else is put into it. */
async function makeOwnedFolder(parent: string, resume: ResumeMark | undefined): Promise<string> {
  const path = await mkdtemp(join(parent, runPrefix))
  await writeOwner(path, { ...(resume && { resume }) })
  // Others may enter but not list: the server's user needs no more.
  await chmod(path, 0o711)
  return path
}

/** The folder of a cluster that another run has made with the same server. */
export function openRunFolder(path: string, tree: ServerTree): RunFolder {
  const copy = { ...tree, root: join(path, copyName) }
  return {
    path,
    dataDir: join(path, 'data'),
    tree: existsSync(copy.root) ? copy : tree,
    user: findServerUser(),
  }
}

async function copyTree(tree: ServerTree, path: string, user: ProcessUser | undefined): Promise<ServerTree> {
  const copy: ServerTree = { ...tree, root: join(path, copyName) }
  await cp(tree.root, copy.root, { recursive: true, verbatimSymlinks: true })
  if (!canRun(copy, user)) throw unreachable(tree, path, user)
  return copy
}

export async function removeRunFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 3 })
}

/** PostgreSQL refuses to run as root; its package brings a user for it. Undefined where we are not root. */
function findServerUser(): ProcessUser | undefined {
  if (process.getuid?.() !== 0) return undefined
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
  for (const name of ['postgres', 'nobody']) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(':')
    if (fields) return { name, uid: Number(fields[2]), gid: Number(fields[3]) }
  }
  throw new SimdgresError(
    'ERR_UNAVAILABLE',
    'PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it as',
    'Run the command as an ordinary user.',
  )
}

/** True if the server's user can enter the tree and execute from it: asked by doing it. */
function canRun(tree: ServerTree, user: ProcessUser | undefined): boolean {
  const identity = user && { uid: user.uid, gid: user.gid }
  const { status } = spawnSync(serverProgram(tree, 'postgres'), ['--version'], {
    cwd: '/',
    stdio: 'ignore',
    ...identity,
  })
  return status === 0
}

function unreachable(tree: ServerTree, path: string, user: ProcessUser | undefined): SimdgresError {
  const whom = user ? `User ${user.name}` : 'This user'
  return new SimdgresError(
    'ERR_RESOURCE',
    `${whom} can run the server neither from ${tree.root} nor from ${path}`,
    'Set SIMDGRES_CACHE to a folder on a file system without noexec that every user can enter.',
  )
}
