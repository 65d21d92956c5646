import { readState } from '../../engine/container.js'
import { SimdgresError } from '../../errors.js'
import { buildImages, ensureBase, removeReplacedImages, renewBase } from '../images/fresh-images.js'
import { requireParameters } from '../parameters/server-parameters.js'
import { SqlSession } from '../server/sql-session.js'
import { databaseService, dataVolume } from '../services/service-names.js'
import type { Stack } from '../stack.js'
import { type ExchangeOptions, exchange, nameNewPrimary, pointPoolAt } from './exchange.js'
import { moveFollowers } from './followers.js'
import { MoveJournal } from './journal.js'
import { findStaleIndexes, rebuildIndexes } from './processor-indexes.js'
import { clearMoveRemains, discardAfterFailure } from './remains.js'
import {
  archivingWaits,
  type Move,
  moveSettings,
  passwordFile,
  planMove,
  settingsAfter,
  settingsBefore,
} from './replication.js'
import { restartAsItWas } from './restart.js'
import { LastRecordReader, readLogPosition, startStandby, waitForStandby } from './standby.js'
import { recordFirstTimeline, recordTimeline } from './timeline-record.js'

export interface SwitchoverOptions extends ExchangeOptions {
  /** Longest wait for the standby to catch up. */
  readonly syncLimitMs: number
  /** Builds all images with the packages of today first, and from then on. */
  readonly rebuild?: boolean
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
export async function switchOver(stack: Stack, options: SwitchoverOptions): Promise<SwitchoverReport> {
  const { steady } = stack
  await clearMoveRemains(stack)
  const move = await planMove(stack, 'switchover')
  await requireSameMajor(stack)
  if (options.rebuild !== true) {
    await ensureBase(stack)
    return moveTo(stack, move, options)
  }
  await renewBase(stack)
  try {
    await buildImages(stack)
    return await moveTo(stack, move, options)
  } catch (error) {
    // The base is named in .env, and tags have gone to what was built.
    if (steady.primary === move.from.name) {
      steady.progress.note(
        'the images are new already: the next simdgres up restarts all services with them, the database too; simdgres switchover moves to them without that',
      )
    }
    throw error
  }
}

async function moveTo(stack: Stack, move: Move, options: SwitchoverOptions): Promise<SwitchoverReport> {
  const { steady } = stack
  await requireParameters(stack)
  const journal = MoveJournal.begin(steady, { kind: 'switchover', ...move }, options.observe)
  let pauseMs: number
  let stale: readonly string[]
  try {
    await journal.enter('copy the server')
    await steady.updateSettings({ [moveSettings.nextVolume]: move.to.volume })
    await recordFirstTimeline(steady, move.from.name)
    stack.progress.note(`copying ${move.from.name} to ${move.to.name} (volume ${move.to.volume})`)
    await startStandby(stack, move)
    stack.progress.note(`${move.to.name} follows; waiting until it has caught up`)
    await journal.enter('wait for the new server')
    await waitForStandby(stack, move, options.syncLimitMs)
    stale = await findStaleIndexes(stack, move.from.name, move.to.name)
    await journal.enter('prepare the exchange', { staleIndexes: [...stale] })
    pauseMs = await promote(stack, move, options, journal)
  } catch (error) {
    await discardAfterFailure(steady, move, journal)
    throw error
  }
  await journal.enter('finish the move')
  await settleSwitchover(steady, move)
  await journal.end()
  await rebuildIndexes(steady, move.to.name, stale, true)
  if (options.rebuild === true) await removeReplacedImages(steady)
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
  const wanted = stack.compose.services[databaseService]!.build.args['PG_MAJOR'] ?? ''
  const [row] = await stack.query("SELECT current_setting('server_version_num')::integer / 10000")
  const running = row![0]!
  if (wanted === running) return
  throw new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    `The stack runs PostgreSQL ${running}, its settings say PG_MAJOR=${wanted}`,
    `Set PG_MAJOR=${running} in .env again, then: simdgres upgrade --to ${wanted}`,
  )
}

/**
 * The part that clients wait for. The new server, promoted or not, receives nothing from them before the end: after a
 * failure the old one is still complete.
 */
async function promote(
  stack: Stack,
  move: Move,
  options: ExchangeOptions,
  journal: MoveJournal,
): Promise<number> {
  const { steady } = stack
  const [from, to] = [move.from.name, move.to.name]
  const old = new SqlSession(steady, from, 'postgres')
  const next = new SqlSession(steady, to, 'postgres')
  const lastRecord = new LastRecordReader(steady, to)
  try {
    // What is written now need not be written by the shutdown, while clients wait.
    await old.run('CHECKPOINT')
    await next.run('SELECT 1')
    return await exchange(
      stack,
      { from, to },
      options,
      [
        {
          name: 'stop the old server',
          async do() {
            const position = await readLogPosition(old)
            await old.close()
            await stopCleanly(steady, from)
            await lastRecord.requireShutdown(position)
          },
          undo: () => restartAsItWas(steady, from),
        },
        {
          name: 'promote the new server',
          async do() {
            try {
              await next.run('SELECT pg_promote(true, 60)')
              await requireWritable(next, to)
            } catch (error) {
              throw await withLastLines(error, steady, to)
            }
          },
        },
        nameNewPrimary(steady, settingsBefore(move), settingsAfter(move)),
        ...pointPoolAt(steady, { from, to }),
      ],
      journal,
    )
  } finally {
    await Promise.allSettled([old.close(), next.close(), lastRecord.close()])
  }
}

/** @throws ERR_CHECK_FAILED if it was killed or crashed: it may hold log that was never sent. */
async function stopCleanly(steady: Stack, name: string): Promise<void> {
  const container = await steady.container(name)
  await steady.stopService(name)
  const { exitCode } = await readState(container)
  if (exitCode === 0) return
  throw new SimdgresError(
    'ERR_CHECK_FAILED',
    `${name} did not stop cleanly (exit code ${exitCode})`,
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

/** A server that ends its sessions tells the reason in its log alone, and the container is removed after the failure. */
async function withLastLines(error: unknown, steady: Stack, server: string): Promise<unknown> {
  if (!(error instanceof SimdgresError)) return error
  const lines = await steady.logs(server)
  return new SimdgresError(error.code, `${error.message}\nThe last lines of ${server}:\n${lines}`, error.hint)
}

/** The rest, which clients need not wait for. Done twice, it does no harm. */
export async function settleSwitchover(steady: Stack, { from, to }: Move): Promise<void> {
  // Otherwise the old server, started by hand, would accept writes that nobody ever sees again.
  const fence = ['sh', '-euc', 'touch "$PGDATA/standby.signal"; sync "$PGDATA"']
  const { exitCode, stderr } = await steady.runOneShot(fence, {
    service: databaseService,
    volumes: { [dataVolume]: from.volume },
  })
  if (exitCode !== 0) {
    steady.progress.note(`${from.name} could not be made read-only: ${stderr.trim()}. Do not start it.`)
  }
  await steady.exec(to.name, ['rm', '-f', passwordFile, archivingWaits])
  await steady.query(
    'ALTER SYSTEM RESET primary_conninfo; ALTER SYSTEM RESET primary_slot_name; SELECT pg_reload_conf()',
    { service: to.name },
  )
  // The copy has the rights of the old image; the new one may grant others.
  const roles = await steady.exec(to.name, ['/usr/local/lib/simdgres/set-roles.sh'])
  if (roles.exitCode !== 0) {
    steady.progress.note(`rights of roles are not those of the new image: ${roles.stderr.trim()}`)
  }
  await recordTimeline(steady, to.name)
  await moveFollowers(steady)
}
