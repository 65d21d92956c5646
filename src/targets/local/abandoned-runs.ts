import { existsSync, readFileSync } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Progress } from '../../progress.js'
import { cacheFolder } from '../../system/cache-folder.js'
import { withLock } from '../../system/file-lock.js'
import { keptForMs, type ResumeMark } from '../../system/resume-mark.js'
import { removeRunFolder } from './run-folder.js'
import { isAlive, type RunOwner, readDeadOwner, runPrefix, writeOwner } from './run-owner.js'

/** A server whose harness was killed is told to shut down (see endsWithParent), and gets this long to do so. */
const ownEndMs = 15_000
const quitMs = 5_000
const pollEveryMs = 100

interface AbandonedRun {
  readonly path: string
  readonly owner: RunOwner
}

/**
 * Takes over the cluster that a killed run with the same mark has left: its server is down, and the cluster is ours from
 * now on. Other clusters of the same key, half made or made with other settings, are removed. Two runs never get the same
 * cluster.
 * @returns its folder; undefined if there is none.
 */
export async function claimAbandonedRun(
  mark: ResumeMark,
  progress: Progress,
  signal: AbortSignal,
): Promise<string | undefined> {
  return withLock(join(cacheFolder('postgres', 'runs'), 'lock'), signal, async () => {
    let claimed: string | undefined
    for (const { path, owner } of await listAbandonedRuns()) {
      if (owner.resume?.key !== mark.key) continue
      const isUsable = owner.isComplete === true && owner.resume.settings === mark.settings
      if (isUsable && claimed === undefined) {
        await endServerIn(join(path, 'data'), ownEndMs)
        await writeOwner(path, { resume: mark, isComplete: true })
        claimed = path
      } else {
        await remove(path, progress)
      }
    }
    return claimed
  })
}

/**
 * Removes the folders of clusters whose harness is gone (kill -9, power cut), and ends their servers if the system did
 * not do that when the harness died. Data that another run can continue with is kept for a day.
 */
export async function sweepAbandonedRuns(progress: Progress): Promise<void> {
  for (const { path, owner } of await listAbandonedRuns()) {
    const keptUntilMs = owner.resume && owner.isComplete ? (await lastUseMs(path)) + keptForMs : 0
    if (keptUntilMs > Date.now()) {
      const until = new Date(keptUntilMs).toISOString()
      progress.note(
        `Keeping ${path} until ${until} for the run that was killed; remove it with rm -r ${path}`,
      )
    } else {
      await remove(path, progress)
    }
  }
}

async function listAbandonedRuns(): Promise<AbandonedRun[]> {
  const runs: AbandonedRun[] = []
  for (const folder of [cacheFolder('postgres', 'runs'), tmpdir()]) {
    const names = (await readdir(folder)).filter((name) => name.startsWith(runPrefix))
    for (const path of names.map((name) => join(folder, name))) {
      const owner = await readDeadOwner(path)
      if (owner !== undefined) runs.push({ path, owner })
    }
  }
  return runs
}

/** When the server last wrote this file, which it does at every checkpoint and when it ends. */
async function lastUseMs(path: string): Promise<number> {
  const file = join(path, 'data', 'global', 'pg_control')
  return existsSync(file) ? (await stat(file)).mtimeMs : 0
}

async function remove(path: string, progress: Progress): Promise<void> {
  await endServerIn(join(path, 'data'), 0)
  await removeRunFolder(path)
  progress.note(`Removed ${path}, left behind by a run that was killed`)
}

/** Ends the server of `dataDir`, unless its process id belongs to another program by now. */
async function endServerIn(dataDir: string, waitMs: number): Promise<void> {
  const file = join(dataDir, 'postmaster.pid')
  if (!existsSync(file)) return
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0])
  const quitAtMs = Date.now() + waitMs
  const killAtMs = quitAtMs + quitMs
  while (isAlive(pid) && (await readArguments(pid)).includes(dataDir)) {
    if (Date.now() >= killAtMs) process.kill(pid, 'SIGKILL')
    else if (Date.now() >= quitAtMs) process.kill(pid, 'SIGQUIT')
    await sleep(pollEveryMs)
  }
}

/** The working directory would be simpler, but in a container even root may not read it. */
async function readArguments(pid: number): Promise<string[]> {
  try {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0')
  } catch {
    return [] // No /proc here, or the process ended in between: nothing to end.
  }
}
