import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { SimdgresError } from '../../errors.js'
import type { Progress } from '../../progress.js'
import { cacheFolder, packageRoot } from '../../system/cache-folder.js'
import { runCommand } from '../../system/command.js'
import { withLock } from '../../system/file-lock.js'
import { git } from '../repository.js'
import { claimBuild, isBuilt, lockOf, markBuilt, unfinishedOf } from './build-cache.js'

/** A commit of this project, built in a folder of its own. */
export interface CommitTree {
  /** 40 hex digits. */
  readonly commit: string
  readonly folder: string
}

interface BuildControl {
  readonly progress: Progress
  readonly signal: AbortSignal
}

/**
 * The commit that `ref` names, unpacked and built in the cache folder; at once where that was done before. It stays there
 * until `leaveBuilds` at least. The repository
 * itself stays as it is: it gets neither a worktree nor a checkout.
 * @throws ERR_INVALID_ARGUMENT where git knows no such commit, ERR_UNAVAILABLE with the last lines where it does not build.
 */
export async function buildCommit(ref: string, control: BuildControl): Promise<CommitTree> {
  const commit = await resolveCommit(ref, control.signal)
  const root = cacheFolder('gate')
  const folder = join(root, commit)
  return withLock(lockOf(root, commit), control.signal, async () => {
    if (await isBuilt(folder)) {
      await claimBuild(root, commit)
      return { commit, folder }
    }
    await rm(folder, { recursive: true, force: true })
    const unfinished = unfinishedOf(root, commit)
    await rm(unfinished, { recursive: true, force: true })
    try {
      await unpack(commit, unfinished, control)
      await build(commit, unfinished, control)
      await markBuilt(unfinished)
      await rename(unfinished, folder)
      await claimBuild(root, commit)
    } catch (error) {
      await rm(unfinished, { recursive: true, force: true })
      throw error
    }
    return { commit, folder }
  })
}

/** @throws ERR_INVALID_ARGUMENT */
export async function resolveCommit(ref: string, signal: AbortSignal, folder = packageRoot): Promise<string> {
  try {
    return (await git(['rev-parse', '--verify', '--quiet', `${ref}^{commit}`], folder, signal)).trim()
  } catch (error) {
    if (!(error instanceof SimdgresError) || error.code !== 'ERR_UNAVAILABLE') throw error
    throw new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      `Git knows no commit ${ref} in ${folder}`,
      'In a shallow clone, fetch it first: git fetch --unshallow, or git fetch --depth=1 origin <commit>.',
      { cause: error },
    )
  }
}

/** The last commit that the work tree has in common with the main branch. */
export async function findMergeBase(signal: AbortSignal, folder = packageRoot): Promise<string> {
  for (const main of ['origin/main', 'origin/master', 'main', 'master']) {
    try {
      return (await git(['merge-base', 'HEAD', main], folder, signal)).trim()
    } catch (error) {
      if (!(error instanceof SimdgresError) || error.code !== 'ERR_UNAVAILABLE') throw error
    }
  }
  throw new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    `Git finds no commit that HEAD of ${folder} has in common with a branch main or master`,
    'Name the base (--base git:REF); in a shallow clone, fetch the history first: git fetch --unshallow.',
  )
}

async function unpack(commit: string, folder: string, { progress, signal }: BuildControl): Promise<void> {
  progress.note(`unpacking ${commit.slice(0, 12)}`)
  await mkdir(folder, { recursive: true })
  const script = 'git -C "$1" archive "$2" | tar -x -C "$3"'
  await runCommand('bash', ['-o', 'pipefail', '-c', script, 'unpack', packageRoot, commit, folder], {
    purpose: `Unpacking ${commit}`,
    hint: 'Correct what the last lines say, then try again.',
    signal,
  })
  const manifest = await readFile(join(folder, 'package.json'), 'utf8').catch(() => '{}')
  if ((JSON.parse(manifest) as { name?: string }).name === 'simdgres') return
  throw new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    `${commit} is not a commit of simdgres: git:REF compares versions of this project`,
    'Run it in a checkout of simdgres; a server of yours is named by url: or image:.',
  )
}

async function build(commit: string, folder: string, { progress, signal }: BuildControl): Promise<void> {
  progress.note(`building ${commit.slice(0, 12)}`)
  const options = {
    purpose: `Building ${commit}`,
    hint: 'Correct what the last lines say, or name another commit.',
    signal,
    cwd: folder,
  }
  const [theirs, ours] = await Promise.all(
    [folder, packageRoot].map((root) => readFile(join(root, 'package-lock.json'), 'utf8').catch(() => '')),
  )
  if (theirs === ours && existsSync(join(packageRoot, 'node_modules'))) {
    await copyModules(join(packageRoot, 'node_modules'), join(folder, 'node_modules'), signal)
  } else {
    await runCommand('npm', ['ci', '--no-audit', '--no-fund'], options)
  }
  await runCommand('npm', ['run', 'build'], options)
}

/**
 * As hard links where the file system has them: no bytes, and what npm replaces or removes in the one folder stays in the
 * other.
 */
async function copyModules(from: string, to: string, signal: AbortSignal): Promise<void> {
  await mkdir(to)
  try {
    await runCommand('cp', ['-al', `${from}/.`, to], {
      purpose: 'Linking node_modules',
      hint: 'They are copied instead.',
      signal,
    })
  } catch (error) {
    if (!(error instanceof SimdgresError) || error.code !== 'ERR_UNAVAILABLE') throw error
    await cp(from, to, { recursive: true, verbatimSymlinks: true, force: true })
  }
}
