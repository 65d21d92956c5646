import { readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SimdgresError } from '../../errors.js'
import type { Progress } from '../../progress.js'
import { cacheFolder } from '../../system/cache-folder.js'
import { withLock } from '../../system/file-lock.js'
import { findStartTime } from '../../system/process-start.js'
import { withTimeLimit } from '../../system/time-limit.js'
import { removeImageOf } from './build-images.js'

/** So many built commits stay: those of a base, a head and a few branches. One takes about 100 MB where links cost bytes. */
export const keptBuilds = 5

/** Whoever has the lock of a commit longer than this is building it. */
const lockWaitMs = 2000

/**
 * Written when everything is built: without it the folder is that of a build that was killed. Its time is that of the last
 * use. The first version of it stood in folders whose node_modules was a link to those of the work tree, which change.
 */
const builtMark = '.simdgres-built-2'

export const lockOf = (root: string, commit: string): string => join(root, `${commit}.lock`)
export const unfinishedOf = (root: string, commit: string): string => join(root, `${commit}.unfinished`)

export async function markBuilt(folder: string): Promise<void> {
  await writeFile(join(folder, builtMark), '')
}

/** When the build was last used, in milliseconds since 1970; undefined where it is not complete. */
async function readLastUse(folder: string): Promise<number | undefined> {
  return (await stat(join(folder, builtMark)).catch(() => undefined))?.mtimeMs
}

export async function isBuilt(folder: string): Promise<boolean> {
  return (await readLastUse(folder)) !== undefined
}

/** Keeps the build from being removed until this process leaves it, or ends. For whoever has the commit's lock. */
export async function claimBuild(root: string, commit: string): Promise<void> {
  const now = new Date()
  await utimes(join(root, commit, builtMark), now, now)
  await writeFile(join(root, `${commit}.used-by-${process.pid}`), findStartTime(process.pid) ?? '')
}

/**
 * For the end of a run: its builds are no longer in use, and of all that nobody uses the newest stay. What cannot be
 * removed is noted; it never fails a run.
 */
export async function leaveBuilds({
  progress,
  signal,
}: {
  progress: Progress
  signal: AbortSignal
}): Promise<void> {
  const root = cacheFolder('gate')
  const own = (await readdir(root)).filter((name) => name.endsWith(`.used-by-${process.pid}`))
  for (const name of own) await rm(join(root, name), { force: true })
  // After Ctrl-C nothing is begun; the next run does it.
  if (signal.aborted) return
  try {
    for (const problem of await removeOldBuilds(root, signal)) progress.note(problem)
  } catch (error) {
    progress.note(`Old builds in ${root} stay: ${(error as Error).message}`)
  }
}

/**
 * Removes all builds but the newest by their last use, and what killed builds have left. None that a process uses or makes.
 * The image of a build goes first, so that one that cannot be removed now is found again by the next run.
 * @returns why builds stay, a sentence each.
 */
export async function removeOldBuilds(
  root: string,
  signal: AbortSignal,
  kept = keptBuilds,
): Promise<string[]> {
  const problems: string[] = []
  const names = await readdir(root)
  const builds = await Promise.all(
    names
      .filter((name) => /^[0-9a-f]{40}$/.test(name))
      .map(async (commit) => ({ commit, usedAt: (await readLastUse(join(root, commit))) ?? 0 })),
  )
  const old = builds.sort((a, b) => b.usedAt - a.usedAt).slice(kept)
  for (const { commit } of old) {
    await ifFree(root, commit, signal, async () => {
      if (await isInUse(root, commit)) return
      const problem = await removeImageOf(commit)
      if (problem !== undefined) problems.push(problem)
      else await rm(join(root, commit), { recursive: true, force: true })
    })
  }
  for (const name of names) {
    const commit = /^([0-9a-f]{40})\.unfinished$/.exec(name)?.[1]
    if (commit === undefined) continue
    await ifFree(root, commit, signal, () => rm(join(root, name), { recursive: true, force: true }))
  }
  return problems
}

/** Runs `work` with the commit's lock; not at all while another process builds it. */
async function ifFree(
  root: string,
  commit: string,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await withTimeLimit(signal, lockWaitMs, (patience) => withLock(lockOf(root, commit), patience, work))
  } catch (error) {
    if (!(error instanceof SimdgresError) || error.code !== 'ERR_ABORTED' || signal.aborted) throw error
  }
}

/** Whether a process that is alive has claimed it. Claims of others are removed. */
async function isInUse(root: string, commit: string): Promise<boolean> {
  let isUsed = false
  for (const name of await readdir(root)) {
    const pid = name.startsWith(`${commit}.used-by-`) ? Number(name.split('-').at(-1)) : undefined
    if (pid === undefined) continue
    const path = join(root, name)
    const startTime = await readFile(path, 'utf8')
    if (startTime !== '' && findStartTime(pid) === startTime) isUsed = true
    else await rm(path, { force: true })
  }
  return isUsed
}
