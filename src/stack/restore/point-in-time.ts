import { setTimeout as sleep } from 'node:timers/promises'
import { readSecondRepository } from '../../config/second-repository.js'
import { readState } from '../../engine/container.js'
import { invalidArgument, SimdgresError, throwIfAborted } from '../../errors.js'
import { type ExchangeOptions, exchange, nameNewPrimary, pointPoolAt } from '../move/exchange.js'
import { moveFollowers } from '../move/followers.js'
import { MoveJournal, type MoveRecord } from '../move/journal.js'
import { listProcessorIndexes, rebuildIndexes } from '../move/processor-indexes.js'
import { resetRecoverySettings } from '../move/recovery-settings.js'
import { clearMoveRemains, discardAfterFailure, removeUnfinished } from '../move/remains.js'
import {
  type Move,
  moveSettings,
  planMove,
  settingsAfter,
  settingsBefore,
  settingsKeeping,
} from '../move/replication.js'
import { restartAsItWas } from '../move/restart.js'
import { recordFirstTimeline, recordTimeline } from '../move/timeline-record.js'
import { prepareDataFolders } from '../services/data-folders.js'
import { databaseService, dataVolume, poolerService } from '../services/service-names.js'
import { upgradeArchive } from '../sets/archive.js'
import { runBackupScript } from '../sets/backup-script.js'
import { listPhysicalBackups, type Repository, repositoryOptions } from '../sets/backup-sets.js'
import { runPhysicalBackup } from '../sets/physical-backup.js'
import type { Stack } from '../stack.js'
import { checkStructure } from './database.js'
import { defaultPause } from './swap.js'
import { chooseBackup, readTimelines, timelineAt } from './timelines.js'

const checkService = 'postgres-restore'
/** Enough to replay a day's log of a busy server. A failure is noticed at once: the container ends. */
const replayTimeoutMs = 6 * 3600 * 1000
const pollIntervalMs = 500
/** In the volume beside PGDATA, so no part of the database. */
const openAccess = '/var/lib/postgresql/data/restore_hba.conf'
const setPasswords = `
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname=postgres <<'STATEMENTS'
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
SET pgaudit.log = 'none';
\\set password \`cat /run/secrets/postgres_password\`
ALTER ROLE CURRENT_USER PASSWORD :'password';
STATEMENTS
/usr/local/lib/simdgres/set-roles.sh
rm -f ${openAccess}`

export interface PointInTimeOptions extends ExchangeOptions {
  readonly timeline?: number | undefined
  /** Where the backup is; by default the first. */
  readonly repository?: Repository
}

export interface PointInTimeResult {
  readonly target: string
  readonly volume: string
  /** Volume with the server as it was before. */
  readonly kept: string
  readonly primary: string
  readonly durationMs: number
}

const timePattern = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d{1,6})?)(Z|[+-]\d\d(?::?\d\d)?)$/

/** All of the log that there is. */
export const latest = 'latest'

/** The time as the server and pgBackRest write it, microseconds included, or `latest`. @throws ERR_INVALID_ARGUMENT */
export function parseTargetTime(text: string): string {
  if (text === latest) return latest
  const match = timePattern.exec(text)
  if (!match || Number.isNaN(Date.parse(`${match[1]}T${match[2]!.slice(0, 8)}Z`))) {
    throw invalidArgument('--to', 'a time with its zone, such as 2026-01-31T12:00:00Z, or latest', text)
  }
  return `${match[1]} ${match[2]}${match[3] === 'Z' ? '+00' : match[3]}`
}

/**
 * Restores the whole server as it was at `target` into a new volume, verifies it there, and puts it behind the pool.
 * The volume that was in use stays as it is. Follows the timeline that was in use then, unless another is named.
 * @throws ERR_UNAVAILABLE if no physical backup is old enough or the log does not reach that far.
 */
export async function restoreToTime(
  stack: Stack,
  target: string,
  { timeline: wanted, repository = 1, ...options }: PointInTimeOptions = defaultPause,
): Promise<PointInTimeResult> {
  const { steady } = stack
  const startedAtMs = performance.now()
  const { timeline, backup } = await choose(stack, target, wanted, repository)
  await clearMoveRemains(stack, true)
  const move = await planMove(stack, 'restore')
  await dropReadyServer(stack)
  const { from, to } = move
  const journal = MoveJournal.begin(
    steady,
    { kind: 'restore', ...move, repository: repository === 2 ? repository : undefined },
    options.observe,
  )
  try {
    await journal.enter('restore the server')
    // If this attempt is killed, the next one finds and removes it.
    await stack.updateSettings({ [moveSettings.nextVolume]: to.volume })
    await archiveLog(stack, repository)
    const when = target === latest ? 'at the end of its log' : `as of ${target}`
    stack.progress.note(
      `restoring the server ${when} (timeline ${timeline}, ${backup}) into the volume ${stack.volumeName(to.volume)}`,
    )
    await extract(stack, to.volume, [
      ...repositoryOptions(repository),
      `--set=${backup}`,
      `--target-timeline=${timeline}`,
      ...(target === latest ? [] : ['--type=time', `--target=${target}`, '--target-action=promote']),
    ])
    await journal.enter('verify the restored server')
    await verifyServer(stack, to.volume)
    await stack.removeService(checkService)
  } catch (error) {
    await discardAfterFailure(steady, move, journal, () => removeUnfinished(steady, to))
    throw error
  }
  await replaceOrKeep(stack, move, options, journal)
  return {
    target,
    volume: to.volume,
    kept: from.volume,
    primary: to.name,
    durationMs: Math.round(performance.now() - startedAtMs),
  }
}

/** The volume of a server that is restored and verified, but was not put in its place. */
export function findReadyVolume(stack: Stack): string | undefined {
  return stack.settings[moveSettings.restoredVolume] || undefined
}

/** Puts the server that an earlier restore has verified, in `volume`, behind the pool. */
export async function resumeServer(
  stack: Stack,
  volume: string,
  options: ExchangeOptions = defaultPause,
): Promise<{ readonly primary: string; readonly volume: string; readonly kept: string }> {
  await clearMoveRemains(stack, true)
  const planned = await planMove(stack, 'restore')
  const move: Move = { ...planned, to: { ...planned.to, volume } }
  const repository = stack.settings[moveSettings.restoredRepository] === '2' ? 2 : undefined
  const journal = MoveJournal.begin(stack.steady, { kind: 'restore', ...move, repository }, options.observe)
  await replaceOrKeep(stack, move, options, journal)
  return { primary: move.to.name, volume, kept: move.from.volume }
}

/** Removes such a server with its files. Resolves to the name of its volume. */
export async function dropReadyServer(stack: Stack): Promise<string | undefined> {
  const volume = findReadyVolume(stack)
  if (volume === undefined) return undefined
  await removeUnfinished(stack, { name: checkService, volume })
  await stack.updateSettings({
    [moveSettings.restoredVolume]: undefined,
    [moveSettings.restoredRepository]: undefined,
  })
  return volume
}

/** What took hours to restore and is verified stays, unless it was Ctrl-C that ended the exchange. */
async function replaceOrKeep(
  stack: Stack,
  move: Move,
  options: ExchangeOptions,
  journal: MoveJournal,
): Promise<void> {
  const { steady } = stack
  try {
    await replaceServer(stack, move, options, journal)
  } catch (error) {
    const isKept = error instanceof SimdgresError && error.code !== 'ERR_ABORTED'
    // Clients may be at work on the new server already.
    if (steady.primary === move.to.name) throw error
    if (!isKept) {
      await discardAfterFailure(steady, move, journal, () => removeUnfinished(steady, move.to))
      throw error
    }
    await steady.updateSettings(settingsKeeping(move.to.volume, journal.repository))
    await journal.end()
    throw new SimdgresError(
      error.code,
      `${error.message} The restored server is verified, and kept in the volume ${steady.volumeName(move.to.volume)}.`,
      'To put it in its place: simdgres restore --resume --yes. --pause-limit waits longer, --force ends what is waited for.',
      { cause: error },
    )
  }
}

/**
 * After a restore from the second repository the first knows nothing of this server, or holds another one's backups: without
 * it, the log would stay on the server's disk. The restore itself is done, so a failure is only noted.
 */
async function fillFirstRepository(steady: Stack): Promise<void> {
  try {
    await upgradeArchive(steady, steady.primary)
    await runPhysicalBackup(steady, 'incr')
    // Until then there was no archive to take it.
    await steady.query("SELECT pg_stat_reset_shared('archiver')", { database: 'postgres' })
  } catch (error) {
    if (!(error instanceof SimdgresError)) throw error
    steady.progress.note(
      `no backup of the restored server yet: ${error.message}. Next: simdgres backup --physical`,
    )
  }
}

/** The timeline to follow and the backup to begin with. */
async function choose(
  stack: Stack,
  target: string,
  wanted: number | undefined,
  repository: Repository,
): Promise<{ readonly timeline: number; readonly backup: string }> {
  const now = Date.now()
  const time = target === latest ? now : Date.parse(target.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00'))
  if (time > now) throw invalidArgument('--to', 'a time that has passed', target)
  const timelines = await readTimelines(stack, repository)
  if (!timelines) {
    const hasOther = repository === 1 && readSecondRepository(stack.settings) !== undefined
    throw new SimdgresError(
      'ERR_UNAVAILABLE',
      `No physical backup was complete at ${target}: there is none`,
      hasOther ? 'Look in the second repository: --repository 2.' : 'Make one: simdgres backup --physical.',
    )
  }
  const backups = await listPhysicalBackups(stack, repository)
  const timeline = wanted ?? timelineAt(timelines, time, backups)
  const { name } = chooseBackup(backups, timelines, timeline, time)
  return { timeline, backup: name }
}

/** Has a running server hand over the last minutes of its log, which nobody else has yet. */
async function archiveLog(stack: Stack, repository: Repository): Promise<void> {
  const lost = 'what it wrote since its log was last archived cannot be restored'
  if (!(await stack.isRunning(stack.primary))) {
    stack.progress.note(`the server is down: ${lost}`)
    return
  }
  try {
    // Where nothing is committed after a time, the replay does not know that it has come to it.
    await stack.query("SELECT pg_logical_emit_message(true, 'simdgres_restore', 'end')", {
      database: 'postgres',
    })
    await runBackupScript(stack, 'archive-log.sh', [String(repository)])
  } catch (error) {
    // Safe to go on: if the log does not reach the target, the replay fails. On a new machine this is expected: the server
    // is empty, and the archive belongs to another cluster.
    if (stack.signal.aborted || !(error instanceof SimdgresError)) throw error
    stack.progress.note(`the server does not hand over its log: ${lost}. ${error.message}`)
  }
}

async function extract(stack: Stack, volume: string, options: readonly string[]): Promise<void> {
  const volumes = { [dataVolume]: volume }
  await prepareDataFolders(stack, databaseService, { volumes })
  // pgBackRest needs the folder. The restored passwords are those of that time, or of a lost machine: until they are set
  // anew, the server admits everybody inside its container and nobody from outside.
  const script = `mkdir -p -m 0700 "$PGDATA" && echo 'local all all trust' > ${openAccess} && exec pgbackrest --stanza=simdgres "$@"`
  const { exitCode, stderr, stdout } = await stack.runOneShot(
    ['bash', '-c', script, 'pgbackrest', 'restore', ...options],
    {
      service: databaseService,
      name: `${checkService}-files`,
      networks: [],
      volumes,
    },
  )
  if (exitCode === 0) return
  throw new SimdgresError(
    'ERR_CHECK_FAILED',
    `pgBackRest cannot restore: ${`${stdout}${stderr}`.trim()}`,
    'The server in use was not touched; see what there is with simdgres backup --list.',
  )
}

/** Starts the restored server on its own, replays the log up to the target, and checks every table and index. */
async function verifyServer(stack: Stack, volume: string): Promise<void> {
  stack.progress.note('replaying the log and checking every table and index')
  await stack.startService(
    databaseService,
    {
      name: checkService,
      volumes: { [dataVolume]: volume },
      restart: 'no',
      // Its log goes to the archive once it is in use, and is kept until then.
      command: ['postgres', '-c', 'archive_command=/bin/false', '-c', `hba_file=${openAccess}`],
    },
    replayTimeoutMs,
  )
  await waitForPromotion(stack)
  await resetRecoverySettings(stack, checkService)
  // The machine of the backup may have had another processor. Nobody uses the server yet.
  await rebuildIndexes(stack, checkService, await listProcessorIndexes(stack, checkService), false)
  await checkStructure(stack, stack.database, checkService)
  await applyPasswords(stack)
}

/** Sets the stack's own passwords, without which neither the pool nor the next command gets in. */
async function applyPasswords(stack: Stack): Promise<void> {
  const { exitCode, stderr } = await stack.exec(checkService, [
    'bash',
    '-euo',
    'pipefail',
    '-c',
    setPasswords,
  ])
  if (exitCode === 0) return
  throw new SimdgresError(
    'ERR_CHECK_FAILED',
    `The restored server does not take the passwords of the stack: ${stderr.trim()}`,
    'The server in use was not touched.',
  )
}

async function waitForPromotion(stack: Stack): Promise<void> {
  const container = await stack.container(checkService)
  for (;;) {
    throwIfAborted(stack.signal)
    const { isRunning } = await readState(container)
    if (!isRunning) {
      throw new SimdgresError(
        'ERR_UNAVAILABLE',
        `The log does not reach the target:\n${await stack.logs(checkService)}`,
        'Choose an earlier time, or --to latest for all of the log. The server in use was not touched.',
      )
    }
    const rows = await stack.query('SELECT pg_is_in_recovery()', {
      service: checkService,
      database: 'postgres',
    })
    if (rows[0]![0] === 'f') return
    await sleep(pollIntervalMs)
  }
}

/**
 * Puts the verified server behind the pool. The old one is stopped before the new one starts, so there are never two that
 * accept writes.
 */
async function replaceServer(
  stack: Stack,
  move: Move,
  options: ExchangeOptions,
  journal: MoveJournal,
): Promise<void> {
  const { steady } = stack
  const [from, to] = [move.from.name, move.to.name]
  stack.progress.note(`putting ${to} in the place of ${from}`)
  // Checked now, so that clients need not wait for it.
  await steady.ensureImage(databaseService)
  // The pool may be missing: lost as well, or never started because its server did not start.
  if (!(await steady.isRunning(poolerService))) await steady.startService(poolerService)
  const wasRunning = await steady.isRunning(from)
  if (wasRunning) {
    await recordFirstTimeline(steady, from)
    await writeDirtyBuffers(steady, from)
  }
  await exchange(
    stack,
    { from, to },
    options,
    [
      {
        name: 'stop the old server',
        do: () => steady.stopService(from),
        ...(wasRunning && { undo: () => restartAsItWas(steady, from) }),
      },
      nameNewPrimary(steady, settingsBefore(move), settingsAfter(move)),
      {
        name: 'start the restored server',
        do: () => steady.startService(databaseService),
        undo: () => steady.removeService(to),
      },
      ...pointPoolAt(steady, { from, to }),
    ],
    journal,
  )
  await journal.enter('finish the move')
  await settleRestore(steady, move, journal.repository)
  await journal.end()
}

/**
 * The rest, which clients need not wait for. Done twice, it does no harm.
 * @param repository 2 where the server came from the second one.
 */
export async function settleRestore(
  steady: Stack,
  { from, to }: Move,
  repository: MoveRecord['repository'],
): Promise<void> {
  await steady.query("SELECT pg_stat_reset_shared('archiver')", { service: to.name, database: 'postgres' })
  await recordTimeline(steady, to.name)
  // Its volume stays. The container goes: started by hand, it would accept writes that nobody ever sees again.
  await steady.removeService(from.name)
  await steady.updateSettings({
    [moveSettings.restoredVolume]: undefined,
    [moveSettings.restoredRepository]: undefined,
  })
  await moveFollowers(steady)
  if (repository === 2) await fillFirstRepository(steady)
}

/** What is written now need not be written by the shutdown, while clients wait. A server that cannot is replaced anyway. */
async function writeDirtyBuffers(steady: Stack, server: string): Promise<void> {
  try {
    await steady.query('CHECKPOINT', { service: server, database: 'postgres' })
  } catch (error) {
    if (!(error instanceof SimdgresError)) throw error
    steady.progress.note(`no checkpoint before the exchange: ${error.message}`)
  }
}
