import { existsSync } from 'node:fs'
import { SimdgresError } from '../errors.js'
import { withLock } from '../system/file-lock.js'
import { findStackFolder, lockPath } from './settings.js'
import { openStack, type Stack, type StackOptions } from './stack.js'

/** A command that was just killed holds the lock for some milliseconds more, one at work for minutes or hours. */
const waitMs = 5000

/**
 * Opens the stack and runs `work` while no other command changes it, `up` included, which waits for the same lock. A move
 * that is half done looks like the remains of one that was killed: a second command that undid it would lose commits.
 * @throws ERR_RESOURCE where another command holds the lock, or no lock can be had.
 */
export async function changeStack<T>(options: StackOptions, work: (stack: Stack) => Promise<T>): Promise<T> {
  const { folder, signal } = options
  const path = findStackFolder(folder)
  const limit = new AbortController()
  const timer = setTimeout(() => limit.abort(), waitMs)
  let isHeld = false
  try {
    const begin = async (): Promise<T> => {
      isHeld = true
      clearTimeout(timer)
      // Not earlier: until now another command may have been changing the settings that this reads.
      return work(await openStack(options))
    }
    // A folder that is lost: up makes it before anything else, so nobody is at work in it.
    if (!existsSync(path)) return await begin()
    const either = AbortSignal.any([signal, limit.signal])
    return await withLock(lockPath(path), either, begin, { isRequired: true })
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
