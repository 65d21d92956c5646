import { SimdgresError, throwIfAborted } from '../../errors.js'
import { ensurePoolAnswers } from '../pool/pool-check.js'
import { poolFilePath, readPoolFile } from '../pool/pool-file.js'
import {
  isPoolPaused,
  pausePool,
  readAddress,
  requirePoolAt,
  restartPooler,
  resumePool,
} from '../pool/pooler.js'
import type { Stack } from '../stack.js'
import type { MoveJournal } from './journal.js'

/** Something that is done while clients are held back. */
export interface ExchangeStep {
  /** In the imperative: `stop the old server`. Never changes. */
  readonly name: string
  do(): Promise<unknown>
  /** Takes the step back after a failure of this or a later one, even if it was done in part or not at all. */
  undo?(): Promise<unknown>
  /** From here on a pool that crashes, and holds nobody back when it is there again, lets clients go on at the new server. */
  readonly leadsClients?: boolean
}

export interface ExchangeOptions {
  /** Longest wait for running transactions to end. */
  readonly pauseLimitMs: number
  /** Then end the sessions that hold the pool up, in place of giving up. */
  readonly force?: boolean
  /**
   * Called with the name of each step of the move, once it is written down and before it is done. The move waits for it,
   * and an error from it is a failure of that step.
   */
  readonly observe?: ((step: string) => void | Promise<void>) | undefined
}

/** The servers that clients use before and after. They are the same if something in the server is exchanged. */
export interface Destination {
  readonly from: string
  readonly to: string
}

/**
 * Holds clients back in PgBouncer during `steps`, then lets them go on at the server `to`. After a failure, or Ctrl-C
 * before the first step, undoes in reverse what was done and lets clients go on at `from`, which they used before. An undo
 * that fails is noted, and the others still run. Once clients have been let go there is no way back. The journal tells a
 * later command how far it got, should this one be killed.
 * @returns milliseconds from PAUSE to the end of RESUME, the longest that a client waited.
 * @throws what the failed step threw; ERR_CHECK_FAILED if all is done but the pool still holds clients back, or if nothing is
 * undone because they may be at work at `to`.
 */
export async function exchange(
  stack: Stack,
  { from, to }: Destination,
  { pauseLimitMs, force }: ExchangeOptions,
  steps: readonly ExchangeStep[],
  journal: MoveJournal,
): Promise<number> {
  const { steady } = stack
  const releaseConsole = await steady.holdPoolerConsole()
  try {
    const address = await findAddress(steady, from)
    const pause: ExchangeStep = {
      name: 'pause the pool',
      async do() {
        await pausePool(steady, pauseLimitMs, force)
        throwIfAborted(stack.signal)
      },
      undo: () => letGo(steady, from, address, journal),
    }
    throwIfAborted(stack.signal)
    const startMs = performance.now()
    const begun: ExchangeStep[] = []
    try {
      // A failure to write down the last one is undone like any other; then there is no way back.
      const end: ExchangeStep = { name: 'let clients go on', do: async () => undefined }
      await doAll([pause, ...steps, end], begun, journal)
    } catch (error) {
      if (await mayBeInUse(steady, to, begun)) throw describeNoReturn(error, to, journal)
      await undoAll(steady, from, begun, journal)
      throw error
    }
    await resumeOrExplain(steady, from, to, journal)
    const pauseMs = performance.now() - startMs
    await ensurePoolAnswers(steady)
    return pauseMs
  } finally {
    await releaseConsole()
  }
}

type Settings = Readonly<Record<string, string | undefined>>

/** From this step on, later commands take the new primary for the complete one. */
export function nameNewPrimary(steady: Stack, before: Settings, after: Settings): ExchangeStep {
  return {
    name: 'name the new primary in .env',
    do: () => steady.updateSettings(after),
    undo: () => steady.updateSettings(before),
  }
}

/** The last steps of a move. */
export function pointPoolAt(steady: Stack, { from, to }: Destination): readonly ExchangeStep[] {
  return [
    {
      name: 'point the pool at the new primary',
      leadsClients: true,
      do: () => steady.repointPool(to),
      undo: () => steady.repointPool(from),
    },
    { name: 'ask the pool where it goes', do: () => requirePoolAt(steady, to) },
  ]
}

/** @param begun receives each step before it is done. */
async function doAll(
  steps: readonly ExchangeStep[],
  begun: ExchangeStep[],
  journal: MoveJournal,
): Promise<void> {
  for (const step of steps) {
    begun.push(step)
    await journal.enter(step.name, { isReady: true })
    await step.do()
  }
}

/**
 * Whether clients may have written to the new server. A pool that still holds them back has done so all the time, since nothing
 * but the end of a move has it let them go.
 */
async function mayBeInUse(steady: Stack, to: string, begun: readonly ExchangeStep[]): Promise<boolean> {
  if (!begun.some(({ leadsClients }) => leadsClients)) return false
  if ((await readPoolFile(steady.folder)) !== to) return false
  return (await askPaused(steady)) !== true
}

/** Undefined where the pool does not say: it is down for now, or the engine is. */
async function askPaused(steady: Stack): Promise<boolean | undefined> {
  try {
    return await isPoolPaused(steady)
  } catch {
    return undefined
  }
}

/** Of a failure after which the move has to be finished. */
function describeNoReturn(error: unknown, to: string, journal: MoveJournal): SimdgresError {
  journal.markIncomplete()
  const reason = error instanceof Error ? error.message : String(error)
  return new SimdgresError(
    'ERR_CHECK_FAILED',
    `${reason}. Nothing is undone: the pool may have been restarted, and clients may be at work on ${to}`,
    'Run simdgres repair, which finishes the move.',
    { cause: error },
  )
}

async function undoAll(
  steady: Stack,
  from: string,
  begun: readonly ExchangeStep[],
  journal: MoveJournal,
): Promise<void> {
  if (begun.length > 1) steady.progress.note(`going back to ${from}`)
  for (const { name, undo } of [...begun].reverse()) {
    try {
      await undo?.()
    } catch (error) {
      journal.markIncomplete()
      noteFailure(steady, `going back to ${from} is not complete: "${name}" is not undone`, error)
    }
  }
}

/** A server's address; undefined if it is down. */
async function findAddress(steady: Stack, server: string): Promise<string | undefined> {
  return (await steady.isRunning(server)) ? readAddress(steady, server) : undefined
}

/**
 * Lets clients go on at the server that they used before.
 * @param address what the pool knows it by. A server that was restarted may have another one.
 */
async function letGo(
  steady: Stack,
  server: string,
  address: string | undefined,
  journal: MoveJournal,
): Promise<void> {
  try {
    await requireDestination(steady, server)
    await resumePool(steady)
    if (address !== undefined && (await readAddress(steady, server)) !== address) await restartPooler(steady)
    await ensurePoolAnswers(steady)
  } catch (error) {
    journal.markIncomplete()
    noteFailure(steady, 'clients may be held back until simdgres repair', error)
  }
}

/**
 * Clients may go on only if .env, the pool's file and the pool agree: the next `up` would lose what they wrote to any other
 * server.
 */
async function requireDestination(steady: Stack, server: string): Promise<void> {
  const inFile = await readPoolFile(steady.folder)
  if (steady.primary !== server || inFile !== server) {
    throw new SimdgresError(
      'ERR_CHECK_FAILED',
      `.env names ${steady.primary} and ${poolFilePath(steady.folder)} names ${inFile} as the server in use, not ${server}`,
      'Run simdgres repair.',
    )
  }
  await requirePoolAt(steady, server)
}

/** Lets clients go on at the new server. @throws ERR_CHECK_FAILED if they are still held back. */
async function resumeOrExplain(steady: Stack, from: string, to: string, journal: MoveJournal): Promise<void> {
  try {
    await steady.poolerAdmin('RESUME')
  } catch (error) {
    // A PgBouncer that was restarted meanwhile holds nobody back.
    if ((await askPaused(steady)) === false) return
    journal.markIncomplete()
    const warning = from === to ? '' : ` Do not start ${from}: it would miss later writes.`
    throw new SimdgresError(
      'ERR_CHECK_FAILED',
      `${to} is the primary and complete, but the pool does not resume: ${String(error)}`,
      `Run simdgres repair, which lets clients go on at ${to}.${warning}`,
      { cause: error },
    )
  }
}

function noteFailure(steady: Stack, what: string, error: unknown): void {
  steady.progress.note(`${what}: ${error instanceof Error ? error.message : String(error)}`)
}
