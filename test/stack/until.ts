import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Asks again until the condition holds. A wait without a limit of its own ends with the test's, which says nothing about
 * its cause. An answer that never comes is over the limit too.
 * @throws after `limitMs`, with what was waited for.
 */
export async function until(
  condition: () => boolean | Promise<boolean>,
  limitMs: number,
  what: string,
  intervalMs = 100,
): Promise<void> {
  const controller = new AbortController()
  const limit = sleep(limitMs, false, { signal: controller.signal })
  // Aborted at the end: nobody listens to it then.
  limit.catch(() => undefined)
  try {
    const deadline = performance.now() + limitMs
    while (!(await Promise.race([condition(), limit]))) {
      if (performance.now() >= deadline) throw new Error(`Not within ${limitMs / 1000} s: ${what}`)
      await sleep(intervalMs)
    }
  } finally {
    controller.abort()
  }
}
