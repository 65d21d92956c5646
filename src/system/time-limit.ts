/** A longer one fires at once. */
const longestTimerMs = 2 ** 31 - 1

/**
 * Runs `work` with a signal that fires with `signal`, or after `limitMs`. (AbortSignal.any holds its sources weakly in Node 20:
 * a timeout that nobody else holds is collected, and never fires.)
 */
export async function withTimeLimit<T>(
  signal: AbortSignal,
  limitMs: number,
  work: (limited: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController()
  const stop = () => limit.abort(signal.reason)
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  const timer = setTimeout(() => limit.abort(), Math.min(limitMs, longestTimerMs))
  try {
    return await work(limit.signal)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
  }
}
