import { lstat, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomically } from '../../system/atomic-file.js'
import { findStartTime } from '../../system/process-start.js'

/** Written into the folder of every cluster: whose it is, and what a later run may do with it. */
export interface RunOwner {
  readonly pid: number
  /** A process id alone is used again by the system; together with its start it is not. */
  readonly startTime?: string | undefined
  readonly resume?: ResumeMark
  /** The database is made: before that, there is nothing to go on with. */
  readonly isComplete?: boolean
}

/** What has to be the same for a run to go on with the data of another. */
export interface ResumeMark {
  readonly key: string
  /** Hash over the server and the settings of the deployment. */
  readonly settings: string
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

/** The owner of a folder that we may judge and whose process is gone; undefined for every other folder. */
export async function readDeadOwner(path: string): Promise<RunOwner | undefined> {
  try {
    // Folders of other users are none of our business, and their contents are not to be believed.
    const { uid } = await lstat(path)
    if (uid !== process.getuid?.()) return undefined
    const owner: RunOwner = JSON.parse(await readFile(join(path, ownerFile), 'utf8'))
    const isGone = !isAlive(owner.pid) || findStartTime(owner.pid) !== owner.startTime
    return isGone ? owner : undefined
  } catch (error) {
    // Another run is making it, or is just removing it.
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
