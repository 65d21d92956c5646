import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { chmod, chown, cp, lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SimdgresError } from '../../errors.js'
import type { Progress } from '../../progress.js'
import { cacheFolder } from '../../system/cache-folder.js'
import type { ProcessUser } from '../../system/command.js'
import { findStartTime } from '../../system/process-start.js'
import { type ServerTree, serverProgram } from './server-tree.js'

/** What one deployed cluster owns on disk. */
export interface RunFolder {
  readonly path: string
  /** Empty, mode 0700, owned by the server's user. */
  readonly dataDir: string
  /** The tree to start the server from: the cached one, or a copy the server's user can reach. */
  readonly tree: ServerTree
  /** Undefined where the server runs as we do. */
  readonly user: ProcessUser | undefined
}

const runPrefix = 'simdgres-run-'
const ownerFile = 'owner.json'

/**
 * Makes the folder of a new cluster: in the project's cache, or, where root's cache folder is closed to the user the
 * server must run as (/root is 0700), in the system's folder for temporary files.
 */
export async function createRunFolder(tree: ServerTree, progress: Progress): Promise<RunFolder> {
  const user = process.getuid?.() === 0 ? findServerUser() : undefined
  const isReachable = canRun(tree, user)
  const path = await claimFolder(isReachable ? cacheFolder('postgres', 'runs') : tmpdir())
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
async function claimFolder(parent: string): Promise<string> {
  const path = await mkdtemp(join(parent, runPrefix))
  const owner: Owner = { pid: process.pid, startTime: findStartTime(process.pid) }
  await writeFile(join(path, ownerFile), JSON.stringify(owner))
  // Others may enter but not list: the server's user needs no more.
  await chmod(path, 0o711)
  return path
}

async function copyTree(tree: ServerTree, path: string, user: ProcessUser | undefined): Promise<ServerTree> {
  const copy: ServerTree = { ...tree, root: join(path, 'server') }
  await cp(tree.root, copy.root, { recursive: true, verbatimSymlinks: true })
  if (!canRun(copy, user)) throw unreachable(tree, path, user)
  return copy
}

export async function removeRunFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 3 })
}

/** PostgreSQL refuses to run as root; its package brings a user for it. */
function findServerUser(): ProcessUser {
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

/** A process id alone is reused by the system; together with its start it is not. */
interface Owner {
  readonly pid: number
  readonly startTime: string | undefined
}

/**
 * Removes the folders of clusters whose harness is gone (kill -9, power cut), and ends their servers if the system did
 * not do that when the harness died.
 */
export async function sweepDeadRuns(progress: Progress): Promise<void> {
  for (const folder of [cacheFolder('postgres', 'runs'), tmpdir()]) {
    const names = (await readdir(folder)).filter((name) => name.startsWith(runPrefix))
    for (const path of names.map((name) => join(folder, name))) {
      if (!(await isAbandoned(path))) continue
      await endServerIn(join(path, 'data'))
      await removeRunFolder(path)
      progress.note(`Removed ${path}, left behind by a run that was killed`)
    }
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  try {
    // Folders of other users are none of our business, and their contents are not to be believed.
    const { uid } = await lstat(path)
    if (uid !== process.getuid?.()) return false
    const owner: Owner = JSON.parse(await readFile(join(path, ownerFile), 'utf8'))
    return !isAlive(owner.pid) || findStartTime(owner.pid) !== owner.startTime
  } catch (error) {
    // Another run is making it, or is just removing it.
    if (
      error instanceof SyntaxError ||
      (error instanceof Error && 'code' in error && error.code === 'ENOENT')
    ) {
      return false
    }
    throw error
  }
}

/** Ends the server of `dataDir`, unless its process id belongs to another program by now. */
async function endServerIn(dataDir: string): Promise<void> {
  const file = join(dataDir, 'postmaster.pid')
  if (!existsSync(file)) return
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0])
  const giveUpAt = Date.now() + 5_000
  while (isAlive(pid) && (await readArguments(pid)).includes(dataDir)) {
    process.kill(pid, Date.now() < giveUpAt ? 'SIGQUIT' : 'SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** Not its working directory: even root may not look at that from inside a container. */
async function readArguments(pid: number): Promise<string[]> {
  try {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0')
  } catch {
    return [] // No /proc here, or the process ended in between: nothing to end.
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
