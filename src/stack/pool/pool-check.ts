import type { Stack } from '../stack.js'
import { findPoolProblem } from './pool-client.js'
import { readAddress, restartPooler } from './pooler.js'

/**
 * Asks a query as the application does. PgBouncer keeps the addresses of names, so after a second move within minutes it
 * may look for the server at its old address. Only a restart helps, and that costs clients their connections: not done
 * because the machine is merely slow. Failures are only noted: the move itself is done.
 */
export async function ensurePoolAnswers(steady: Stack): Promise<void> {
  try {
    const problem = await findPoolProblem(steady)
    if (problem === undefined) return
    if (await isAddressCurrent(steady)) {
      steady.progress.note(`a query through the pool was not answered: ${problem}`)
      return
    }
    steady.progress.note(
      `restarting the pool, which looks for ${steady.primary} at an old address: ${problem}`,
    )
    await restartPooler(steady)
    const remaining = await findPoolProblem(steady)
    if (remaining !== undefined) steady.progress.note(`no query gets through the pool: ${remaining}`)
  } catch (error) {
    steady.progress.note(
      `the pool could not be checked: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}

/** Whether PgBouncer has the primary's present address, or has not looked for it yet. */
async function isAddressCurrent(steady: Stack): Promise<boolean> {
  const hosts = await steady.poolerAdmin('SHOW DNS_HOSTS')
  const known = hosts.find(({ hostname }) => hostname?.replace(/\.$/, '') === steady.primary)
  if (!known?.['addrs']) return true
  const address = await readAddress(steady, steady.primary)
  return known['addrs'].split(',').some((one) => one.trim().replace(/:\d+$/, '') === address)
}
