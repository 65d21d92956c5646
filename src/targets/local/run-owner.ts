import { lstat, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomically } from '../../system/atomic-file.js'
import { findStartTime } from '../../system/process-start.js'
import type { ResumeMark } from '../../system/resume-mark.js'

/** Written into the folder of every cluster: who owns it, and what a later run may do with it. */
export interface RunOwner {
  readonly pid: number
  /** The system reuses process ids, but not together with a start time. */
  readonly startTime?: string | undefined
  readonly resume?: ResumeMark
  /** The database has been made; before that, there is nothing to continue with. */
  readonly isComplete?: boolean
}

export const runPrefix = 'simdgres-run-'
const ownerFile = 'owner.json'

export async function writeOwner(
  path: string,
  { resume, isComplete = false }: Pick<RunOwner, 'resume' | 'isComplete'>,
): Promise<void> {
  const owner: RunOwner = {
    pid: process.pid,
    startTime: findStartTime(process.pid),
    ...(resume && { resume, isComplete }),
  }
  await writeFileAtomically(join(path, ownerFile), [Buffer.from(JSON.stringify(owner))], { place: 'cache' })
}

/** The owner of a folder, if it is a dead process of our user; undefined otherwise. */
export async function readDeadOwner(path: string): Promise<RunOwner | undefined> {
  try {
    // Folders of other users are none of our business, and their contents cannot be trusted.
    const { uid } = await lstat(path)
    if (uid !== process.getuid?.()) return undefined
    const owner: RunOwner = JSON.parse(await readFile(join(path, ownerFile), 'utf8'))
    const isGone = !isAlive(owner.pid) || findStartTime(owner.pid) !== owner.startTime
    return isGone ? owner : undefined
  } catch (error) {
    // Another run is making it or removing it right now.
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
