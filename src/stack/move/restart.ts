import { waitUntilAnswering } from '../pool/pooler.js'
import type { Stack } from '../stack.js'

/** A server that was stopped cleanly is back within seconds; one that was killed has to recover first. */
export const restartLimitMs = 120_000

/**
 * Starts a stopped server, with the settings it was made with since the present ones may be the problem, and waits until it
 * answers.
 */
export async function restartAsItWas(stack: Stack, server: string): Promise<void> {
  await stack.startAgain(server)
  await waitUntilAnswering(stack, server, restartLimitMs)
}
