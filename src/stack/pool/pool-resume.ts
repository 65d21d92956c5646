import { join } from 'node:path'
import { SimdgresError } from '../../errors.js'
import { readText } from '../../system/text-file.js'
import type { Move } from '../move/replication.js'
import type { Stack } from '../project.js'
import { findPoolProblem } from './pool-client.js'
import { isPoolPaused, readAddress, requirePoolAt, restartPooler, resumePool } from './pooler.js'

/** Lets clients go on at the new server. @throws ERR_CHECK_FAILED where they are still held back. */
export async function resumeOrExplain(steady: Stack, { from, to }: Move): Promise<void> {
  try {
    await steady.poolerAdmin('RESUME')
  } catch (error) {
    // It was started anew meanwhile: nobody is held back.
    if (!(await isPoolPaused(steady))) return
    throw new SimdgresError(
      'ERR_CHECK_FAILED',
      `${to.name} is the primary and complete, but the pool does not resume: ${String(error)}`,
      `Run simdgres up, which starts the pool at ${to.name}. Do not start ${from.name}: it would miss later writes.`,
      { cause: error },
    )
  }
}

/**
 * Asks a query as the application does. PgBouncer keeps the addresses of names, so that after a second move within
 * minutes it may look for the server where that was before; only its restart helps. It costs clients their connections,
 * so a machine that is merely slow is no reason. What fails is reported: the move itself is done.
 */
export async function ensurePoolAnswers(steady: Stack): Promise<void> {
  try {
    const problem = await findPoolProblem(steady)
    if (problem === undefined) return
    if (await isAddressCurrent(steady)) {
      noteFailure(steady, 'a query through the pool was not answered', problem)
      return
    }
    steady.progress.note(
      `restarting the pool, which looks for ${steady.primary} at an old address: ${problem}`,
    )
    await restartPooler(steady)
    const remaining = await findPoolProblem(steady)
    if (remaining !== undefined) noteFailure(steady, 'no query gets through the pool', remaining)
  } catch (error) {
    noteFailure(steady, 'the pool could not be checked', error)
  }
}

/** Whether PgBouncer knows the primary by the address that it has; also where it has not looked for it yet. */
async function isAddressCurrent(steady: Stack): Promise<boolean> {
  const hosts = await steady.poolerAdmin('SHOW DNS_HOSTS')
  const known = hosts.find(({ hostname }) => hostname?.replace(/\.$/, '') === steady.primary)
  if (!known?.['addrs']) return true
  const address = await readAddress(steady, steady.primary)
  return known['addrs'].split(',').some((one) => one.trim().replace(/:\d+$/, '') === address)
}

/**
 * Undoes an exchange that failed while clients are held back, and lets them go on at `server`, which they used before.
 * A step that fails keeps no other from being done, and is only noted: to report is the failure that has led here.
 * @param hasMoved whether the server has another address than the pool knows.
 */
export async function undoExchange(
  steady: Stack,
  server: string,
  steps: readonly (() => Promise<unknown>)[],
  hasMoved: () => Promise<boolean> = async () => false,
): Promise<void> {
  for (const step of steps) {
    try {
      await step()
    } catch (error) {
      noteFailure(steady, `going back to ${server} is not complete`, error)
    }
  }
  try {
    await requireDestination(steady, server)
    await resumePool(steady)
    if (await hasMoved()) await restartPooler(steady)
    await ensurePoolAnswers(steady)
  } catch (error) {
    noteFailure(steady, 'clients may be held back until simdgres up', error)
  }
}

/**
 * Clients may go on only where all that says which server they use agrees: what they write to another one than .env
 * names is lost by the next up.
 */
async function requireDestination(steady: Stack, server: string): Promise<void> {
  const file = join(steady.folder, 'pool', 'databases.ini')
  const inFile = /\bhost=(\S+)/.exec((await readText(file)) ?? '')?.[1]
  if (steady.primary !== server || inFile !== server) {
    throw new SimdgresError(
      'ERR_CHECK_FAILED',
      `.env names ${steady.primary} and ${file} names ${inFile} as the server in use, not ${server}`,
      'Run simdgres up.',
    )
  }
  await requirePoolAt(steady, server)
}

function noteFailure(steady: Stack, what: string, error: unknown): void {
  steady.progress.note(`${what}: ${error instanceof Error ? error.message : String(error)}`)
}
