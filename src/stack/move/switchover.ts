import { SimdgresError, throwIfAborted } from '../../errors.js'
import { ensurePoolAnswers, resumeOrExplain, undoExchange } from '../pool/pool-resume.js'
import { pausePool, readAddress, requirePoolAt, waitUntilAnswering } from '../pool/pooler.js'
import type { Stack } from '../project.js'
import { SqlSession } from '../server/sql-session.js'
import { moveFollowers } from './followers.js'
import { clearMoveRemains, discardAfterFailure } from './remains.js'
import {
  type Move,
  moveSettings,
  passwordFile,
  planMove,
  settingsAfter,
  settingsBefore,
} from './replication.js'
import { LastRecordReader, readLogPosition, startStandby, waitForStandby } from './standby.js'

/** A server that was stopped cleanly is back within seconds; one that was killed has to recover. */
const restartLimitMs = 120_000

export interface MoveStacks {
  readonly stack: Stack
  /** The same stack, which Ctrl-C does not stop: used while clients wait, and to undo. */
  readonly steady: Stack
}

export interface SwitchoverOptions {
  /** Longest wait for running transactions to end. */
  readonly pauseLimitMs: number
  /** Longest wait for the standby to catch up. */
  readonly syncLimitMs: number
}

export interface SwitchoverReport {
  readonly from: string
  readonly to: string
  readonly volume: string
  readonly keptVolume: string
  /** From PAUSE to the end of RESUME: the longest that a client waited for it. */
  readonly pauseMs: number
}

/**
 * Moves the stack to a new server made from the present image and settings, with no failed transaction: a standby is
 * made and caught up, then, while PgBouncer holds its clients back, the old primary is stopped, the standby promoted
 * and the pool sent to it. Until clients are let go, any failure brings the old primary back.
 * @throws ERR_UNAVAILABLE, ERR_CHECK_FAILED or ERR_ABORTED; the message says which server is active.
 */
export async function switchOver(
  { stack, steady }: MoveStacks,
  { pauseLimitMs, syncLimitMs }: SwitchoverOptions,
): Promise<SwitchoverReport> {
  await clearMoveRemains(stack)
  const move = await planMove(stack, 'switchover')
  await requireSameMajor(stack)
  await steady.updateSettings({ [moveSettings.nextVolume]: move.to.volume })
  let pauseMs: number
  try {
    stack.progress.note(`copying ${move.from.name} to ${move.to.name} (volume ${move.to.volume})`)
    await startStandby(stack, move)
    stack.progress.note(`${move.to.name} follows; waiting until it has caught up`)
    await waitForStandby(stack, move, syncLimitMs)
    pauseMs = await exchange({ stack, steady }, move, pauseLimitMs)
  } catch (error) {
    await discardAfterFailure(steady, move)
    throw error
  }
  await settle(steady, move)
  return {
    from: move.from.name,
    to: move.to.name,
    volume: move.to.volume,
    keptVolume: move.from.volume,
    pauseMs,
  }
}

/** @throws ERR_INVALID_ARGUMENT: a copy of the files cannot be used by another major version. */
async function requireSameMajor(stack: Stack): Promise<void> {
  const wanted = stack.compose.services['postgres']!.build.args['PG_MAJOR'] ?? ''
  const [row] = await stack.query("SELECT current_setting('server_version_num')::integer / 10000")
  const running = row![0]!
  if (wanted === running) return
  throw new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    `The stack runs PostgreSQL ${running}, its settings say PG_MAJOR=${wanted}`,
    `Set PG_MAJOR=${running} in .env again, then: simdgres upgrade --to ${wanted}`,
  )
}

/** The part that clients wait for. Resolves to its duration. */
async function exchange({ stack, steady }: MoveStacks, move: Move, pauseLimitMs: number): Promise<number> {
  const { from, to } = move
  const releaseConsole = await steady.holdPoolerConsole()
  const old = new SqlSession(steady, from.name, 'postgres')
  const next = new SqlSession(steady, to.name, 'postgres')
  const lastRecord = new LastRecordReader(steady, to.name)
  try {
    // What it writes now, the shutdown does not have to write while clients wait.
    await old.run('CHECKPOINT')
    await next.run('SELECT 1')
    throwIfAborted(stack.signal)
    const address = await readAddress(steady, from.name)
    const startMs = performance.now()
    await pausePool(steady, pauseLimitMs)
    try {
      throwIfAborted(stack.signal)
      const position = await readLogPosition(old)
      await old.close()
      await stopCleanly(steady, from.name)
      await lastRecord.requireShutdown(position)
      await next.run('SELECT pg_promote(true, 60)')
      await requireWritable(next, to.name)
      await steady.updateSettings(settingsAfter(move))
      await steady.repointPool(to.name)
      await requirePoolAt(steady, to.name)
    } catch (error) {
      await bringBack(steady, move, address)
      throw error
    }
    await resumeOrExplain(steady, move)
    const pauseMs = performance.now() - startMs
    await ensurePoolAnswers(steady)
    return pauseMs
  } finally {
    await Promise.allSettled([old.close(), next.close(), lastRecord.close(), releaseConsole()])
  }
}

/** @throws ERR_CHECK_FAILED where it was killed or crashed: log that was not sent may be left in it. */
async function stopCleanly(steady: Stack, name: string): Promise<void> {
  const container = await steady.container(name)
  await steady.stopService(name)
  const { ExitCode } = (await container.inspect()).State
  if (ExitCode === 0) return
  throw new SimdgresError(
    'ERR_CHECK_FAILED',
    `${name} did not stop cleanly (exit code ${ExitCode})`,
    `It goes on as the primary; see simdgres logs ${name}, then try again.`,
  )
}

async function requireWritable(session: SqlSession, name: string): Promise<void> {
  const [row] = await session.run('SELECT pg_is_in_recovery()')
  if (row?.[0] === 'f') return
  throw new SimdgresError(
    'ERR_CHECK_FAILED',
    `${name} was not promoted within 60 s`,
    `See simdgres logs ${name}; the old server goes on as the primary.`,
  )
}

/**
 * Undoes an exchange that failed while clients were held back: the new server, promoted or not, has received nothing
 * from them, so the old one is still complete.
 */
async function bringBack(steady: Stack, move: Move, address: string): Promise<void> {
  const { from } = move
  steady.progress.note(`going back to ${from.name}`)
  const restart = async (): Promise<void> => {
    // As it was: present settings could be the reason for the failure.
    const container = await steady.container(from.name)
    if (!(await container.inspect()).State.Running) await container.start()
    await waitUntilAnswering(steady, from.name, restartLimitMs)
  }
  await undoExchange(
    steady,
    from.name,
    [restart, () => steady.updateSettings(settingsBefore(move)), () => steady.repointPool(from.name)],
    async () => (await readAddress(steady, from.name)) !== address,
  )
}

/** What clients need not wait for. */
async function settle(steady: Stack, { from, to }: Move): Promise<void> {
  // Started by hand, the old server would otherwise take writes that nobody sees again.
  const fence = ['sh', '-euc', 'touch "$PGDATA/standby.signal"; sync "$PGDATA"']
  const { exitCode, stderr } = await steady.runOneShot(fence, {
    service: 'postgres',
    volumes: { postgres_data: from.volume },
  })
  if (exitCode !== 0) {
    steady.progress.note(`${from.name} could not be made read-only: ${stderr.trim()}. Do not start it.`)
  }
  await steady.exec(to.name, ['rm', '-f', passwordFile])
  await steady.query(
    'ALTER SYSTEM RESET primary_conninfo; ALTER SYSTEM RESET primary_slot_name; SELECT pg_reload_conf()',
    { service: to.name },
  )
  // The new image may bring other rights; the copy has those of the old one.
  const roles = await steady.exec(to.name, ['/usr/local/lib/simdgres/set-roles.sh'])
  if (roles.exitCode !== 0) {
    steady.progress.note(`rights of roles are not those of the new image: ${roles.stderr.trim()}`)
  }
  await moveFollowers(steady)
}
