import { join } from 'node:path'
import { SimdgresError } from '../errors.js'
import { withLock } from '../system/file-lock.js'
import type { StackOptions } from './project.js'
import { findStackFolder } from './settings.js'

/** A command that was just killed still holds it for some milliseconds; one at work does so for minutes or hours. */
const waitMs = 5000

/**
 * Runs `work` while no other command changes the stack, `up` included, which waits for the same lock. What a move does
 * half way looks like the remains of one that was killed: undone by a second command, it would lose commits.
 * `work` has to open the stack itself: settings that were read before belong to the command that held the lock.
 * @throws ERR_RESOURCE where another command holds it.
 */
export async function withStackLock<T>(
  { folder, signal }: Pick<StackOptions, 'folder' | 'signal'>,
  work: () => Promise<T>,
): Promise<T> {
  const path = findStackFolder(folder)
  const limit = new AbortController()
  const timer = setTimeout(() => limit.abort(), waitMs)
  let isHeld = false
  try {
    return await withLock(join(path, '.lock'), AbortSignal.any([signal, limit.signal]), () => {
      isHeld = true
      clearTimeout(timer)
      return work()
    })
  } catch (error) {
    if (isHeld || signal.aborted || !limit.signal.aborted) throw error
    throw new SimdgresError(
      'ERR_RESOURCE',
      `Another simdgres command is changing the stack in ${path}`,
      'Wait until it has ended, then run this one again; nothing was changed.',
    )
  } finally {
    clearTimeout(timer)
  }
}
