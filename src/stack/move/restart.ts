import { waitUntilAnswering } from '../pool/pooler.js'
import type { Stack } from '../stack.js'

/** A server that was stopped cleanly is back within seconds; one that was killed has to recover. */
export const restartLimitMs = 120_000

/** Starts a server that was stopped and waits for its answer. As it was made: present settings may be what has failed. */
export async function restartAsItWas(stack: Stack, server: string): Promise<void> {
  await stack.startAgain(server)
  await waitUntilAnswering(stack, server, restartLimitMs)
}
