import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { throwIfAborted } from '../errors.js'

/** A free lock is ours in a few milliseconds; on a busy machine starting flock(1) takes longer. */
const waitNoteMs = 2_000

/**
 * Runs `work` while no other process holds the lock `file`. The lock is flock(2), held by a child that waits on our
 * pipe: the kernel frees it however we end, kill -9 included, so no stale lock can ever be in the way. The child has
 * a process group of its own, so that Ctrl-C does not free the lock while we still clean up.
 * Where there is no flock(1) (macOS) the work runs unlocked; its results are renamed into place, so two processes at
 * once do the work twice and nothing worse. `onWait` is called once if another process has the lock for long.
 */
export async function withLock<T>(
  file: string,
  signal: AbortSignal,
  work: () => Promise<T>,
  { onWait }: { readonly onWait?: () => void } = {},
): Promise<T> {
  throwIfAborted(signal)
  const holder = spawn('flock', ['--exclusive', file, 'sh', '-c', 'echo held; exec cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  })
  const closed = new Promise<void>((resolve) => {
    holder.once('error', () => resolve())
    holder.once('close', () => resolve())
  })
  const onAbort = () => holder.kill('SIGTERM')
  signal.addEventListener('abort', onAbort, { once: true })
  const waiting = onWait && setTimeout(onWait, waitNoteMs)
  await Promise.race([once(holder.stdout, 'data'), closed])
  clearTimeout(waiting)
  signal.removeEventListener('abort', onAbort)
  try {
    throwIfAborted(signal)
    return await work()
  } finally {
    holder.stdin.end()
    await closed
  }
}
