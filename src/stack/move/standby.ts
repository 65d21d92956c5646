import { PassThrough } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ExecResult } from '../../engine/exec.js'
import { SimdgresError } from '../../errors.js'
import { SqlSession } from '../server/sql-session.js'
import { prepareDataFolders } from '../services/data-folders.js'
import { databaseService, dataVolume } from '../services/service-names.js'
import type { Stack } from '../stack.js'
import { resetRecoverySettings } from './recovery-settings.js'
import { archivingWaits, type Move, replicationConnection, writePasswordFile } from './replication.js'

export const standbySlot = 'simdgres_switchover'
/** A standby that keeps up is never further behind than this, even under load: a few transactions on their way. */
const closeEnoughBytes = 1024 ** 2
const pollIntervalMs = 200
const mebibyte = 1024 ** 2

/** Copies the primary's database into the new volume and starts a standby from it, with the present settings. */
export async function startStandby(stack: Stack, { from, to }: Move): Promise<void> {
  const volumes = { [dataVolume]: to.volume }
  await prepareDataFolders(stack, databaseService, { volumes })
  // A server that an earlier version restored still has them.
  await resetRecoverySettings(stack, from.name)
  const connection = replicationConnection(from.name, standbySlot)
  const copy = stack.runOneShot(
    [
      'bash',
      '-euo',
      'pipefail',
      '-c',
      `${writePasswordFile}; touch ${archivingWaits}; exec pg_basebackup --no-password --dbname="$1" --pgdata="$PGDATA" --wal-method=stream --create-slot --slot=${standbySlot} --write-recovery-conf --checkpoint=fast`,
      'copy',
      connection,
    ],
    { service: databaseService, volumes },
  )
  const { exitCode, stderr } = await showProgress(stack, from.name, copy)
  if (exitCode !== 0) {
    throw new SimdgresError(
      'ERR_CHECK_FAILED',
      `The copy of ${from.name} failed: ${stderr.trim()}`,
      'Correct what the message says; nothing has changed.',
    )
  }
  await stack.startService(databaseService, { name: to.name, volumes })
}

async function showProgress<T>(stack: Stack, server: string, work: Promise<T>): Promise<T> {
  let isDone = false
  const finished = work.finally(() => {
    isDone = true
  })
  while (!isDone) {
    await Promise.race([finished, sleep(1000)])
    if (isDone) break
    const [row] = await stack.query('SELECT backup_streamed, backup_total FROM pg_stat_progress_basebackup', {
      service: server,
    })
    if (row?.[1])
      stack.progress.step(`copying ${server}`, Number(row[0]) / mebibyte, Number(row[1]) / mebibyte)
  }
  return finished
}

/** Resolves when the standby streams and is as close to the primary as load allows. */
export async function waitForStandby(stack: Stack, { from, to }: Move, limitMs: number): Promise<void> {
  const deadline = performance.now() + limitMs
  const primary = new SqlSession(stack, from.name, 'postgres')
  try {
    for (;;) {
      const lagBytes = await readLag(primary)
      if (lagBytes !== undefined && lagBytes <= closeEnoughBytes) return
      if (performance.now() > deadline) {
        const state =
          lagBytes === undefined ? 'does not stream' : `is ${Math.round(lagBytes / mebibyte)} MB behind`
        throw new SimdgresError(
          'ERR_UNAVAILABLE',
          `The standby ${to.name} ${state} after ${Math.round(limitMs / 1000)} s; its last lines:\n${await stack.logs(to.name)}`,
          'Nothing has changed; try again at a quieter time, or with a higher --sync-limit.',
        )
      }
      await sleep(pollIntervalMs)
    }
  } finally {
    await Promise.allSettled([primary.close()])
  }
}

/** Bytes that the standby is behind; undefined while it does not stream. */
async function readLag(primary: SqlSession): Promise<number | undefined> {
  const [row] = await primary.run(
    `SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) FROM pg_stat_replication
     WHERE application_name = '${standbySlot}' AND state = 'streaming'`,
  )
  return row?.[0] == null ? undefined : Number(row[0])
}

export interface LogPosition {
  readonly timeline: string
  readonly lsn: string
}

export async function readLogPosition(primary: SqlSession): Promise<LogPosition> {
  const [row] = await primary.run(
    'SELECT timeline_id, pg_current_wal_insert_lsn() FROM pg_control_checkpoint()',
  )
  return { timeline: row![0]!, lsn: row![1]! }
}

/**
 * Shows that a standby received everything from a primary that was stopped: its last record has to be the last one that
 * a primary writes, the shutdown checkpoint. The program is started ahead of time, because clients wait for its answer.
 */
export class LastRecordReader {
  readonly #server: string
  readonly #stdin = new PassThrough()
  readonly #ended: Promise<ExecResult>

  constructor(stack: Stack, server: string) {
    this.#server = server
    // pg_waldump ends with 1 when it reaches the end of the log, as it does here.
    const script = `read -r timeline lsn
      pg_waldump --path="$PGDATA/pg_wal" --timeline="$timeline" --start="$lsn" | tail -n 1`
    this.#ended = stack.exec(server, ['sh', '-c', script], { stdin: this.#stdin })
    this.#ended.catch(() => undefined)
  }

  /** @throws ERR_CHECK_FAILED where the last record after `position` is another one. */
  async requireShutdown({ timeline, lsn }: LogPosition): Promise<void> {
    this.#stdin.end(`${timeline} ${lsn}\n`)
    const { stdout, stderr } = await this.#ended
    if (/CHECKPOINT_SHUTDOWN/.test(stdout)) return
    throw new SimdgresError(
      'ERR_CHECK_FAILED',
      `The standby ${this.#server} has not received the primary's last log record, but: ${stdout.trim() || stderr.trim()}`,
      'The old server goes on as the primary; see simdgres logs of both, then try again.',
    )
  }

  async close(): Promise<void> {
    this.#stdin.end()
    await this.#ended
  }
}
