import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { SimdgresError, throwIfAborted } from '../errors.js'

/** A free lock is ours in a few milliseconds; on a busy machine starting flock(1) takes longer. */
const waitNoteMs = 2_000

/**
 * Runs `work` while no other process holds the lock `file`. The lock is flock(2), held by a child that waits on our
 * pipe: the kernel frees it however we end, kill -9 included, so no stale lock can ever be in the way. The child has
 * a process group of its own, so that Ctrl-C does not free the lock while we still clean up.
 * Where there is no flock(1) (macOS) the work runs unlocked; its results are renamed into place, so two processes at
 * once do the work twice and nothing worse. With `isRequired` it does not run then, since two at once would do harm.
 * `onWait` is called once if another process has the lock for long.
 * @throws ERR_RESOURCE where the lock is required and cannot be had.
 */
export async function withLock<T>(
  file: string,
  signal: AbortSignal,
  work: () => Promise<T>,
  { onWait, isRequired = false }: { readonly onWait?: () => void; readonly isRequired?: boolean } = {},
): Promise<T> {
  throwIfAborted(signal)
  const holder = spawn('flock', ['--exclusive', file, 'sh', '-c', 'echo held; exec cat'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  })
  let reason = ''
  holder.stderr.setEncoding('utf8').on('data', (text: string) => {
    reason += text
  })
  // Written to after it has ended: that it has ended is noticed otherwise.
  holder.stdin.on('error', () => undefined)
  const closed = new Promise<void>((resolve) => {
    holder.once('error', (error) => {
      reason = error.message
      resolve()
    })
    holder.once('close', () => resolve())
  })
  const onAbort = () => holder.kill('SIGTERM')
  signal.addEventListener('abort', onAbort, { once: true })
  const waiting = onWait && setTimeout(onWait, waitNoteMs)
  const isHeld = await Promise.race([once(holder.stdout, 'data').then(() => true), closed.then(() => false)])
  clearTimeout(waiting)
  signal.removeEventListener('abort', onAbort)
  try {
    throwIfAborted(signal)
    if (isRequired && !isHeld) throw cannotLock(file, reason)
    return await work()
  } finally {
    holder.stdin.end()
    await closed
  }
}

function cannotLock(file: string, reason: string): SimdgresError {
  const isMissing = reason.includes('ENOENT')
  return new SimdgresError(
    'ERR_RESOURCE',
    `Cannot lock ${file}: ${isMissing ? 'there is no flock(1)' : reason.trim() || 'flock(1) ended'}`,
    isMissing
      ? 'Install the package util-linux; without the lock two commands at once could do harm, so nothing was done.'
      : 'Correct what the message says; without the lock two commands at once could do harm, so nothing was done.',
  )
}

/** Whether a process holds the lock now. False where there is no such file. @throws ERR_RESOURCE without flock(1). */
export async function isLocked(file: string): Promise<boolean> {
  const taken = 75
  const child = spawn('flock', ['--shared', '--nonblock', `--conflict-exit-code=${taken}`, file, 'true'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let reason = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    reason += text
  })
  const code = await new Promise<number | null>((resolve) => {
    child.once('error', (error) => {
      reason = error.message
      resolve(null)
    })
    child.once('close', resolve)
  })
  if (code === taken) return true
  if (code === 0) return false
  throw cannotLock(file, reason)
}
