import { setTimeout as sleep } from 'node:timers/promises'
import { SimdgresError } from '../../errors.js'
import { replicationConnection, replicationRole, writePasswordFile } from '../move/replication.js'
import { alterIdentity, type Direction } from '../move/subscriptions.js'
import type { UpgradeState } from '../move/upgrade-state.js'
import { quoteIdentifier, quoteLiteral } from '../server/quote.js'
import { SqlSession } from '../server/sql-session.js'
import type { Stack } from '../stack.js'

const pollIntervalMs = 500

/** Grants what a publisher demands of the subscribing role. Copied to the new server with everything else. */
export async function allowSubscriptions(
  stack: Stack,
  server: string,
  { replicated }: UpgradeState,
): Promise<void> {
  const grants = replicated.map(
    (name) => `GRANT CONNECT ON DATABASE ${quoteIdentifier(name)} TO ${replicationRole};`,
  )
  await stack.query(`${grants.join('\n')}\nGRANT pg_read_all_data TO ${replicationRole}`, {
    service: server,
    database: 'postgres',
  })
}

/** Lets subscribers find changed rows of tables without a key. Waits only briefly for a table that is in use. */
export async function setFullIdentity(
  stack: Stack,
  server: string,
  { fullIdentity }: UpgradeState,
): Promise<void> {
  await alterIdentity(stack, server, fullIdentity, 'FULL')
}

/** Has `subscriber` receive what is written to `publisher` from now on and, `withRows`, all rows that are there first. */
export async function subscribe(
  stack: Stack,
  publisher: string,
  subscriber: string,
  { replicated }: UpgradeState,
  direction: Direction,
  withRows: boolean,
): Promise<void> {
  await stack.exec(subscriber, ['sh', '-euc', writePasswordFile])
  for (const [index, database] of replicated.entries()) {
    const name = `${direction}_${index}`
    await stack.query(`CREATE PUBLICATION ${direction} FOR ALL TABLES`, { database, service: publisher })
    // origin = none: of two servers that replicate to each other, neither sends back what it received. disable_on_error: a
    // subscriber that cannot apply a change stops, with the reason in its log, instead of retrying for ever. The way back
    // retries: a broken connection is an error too, and it has to survive a restart of either server.
    await stack.query(
      `CREATE SUBSCRIPTION ${name} CONNECTION ${quoteLiteral(replicationConnection(publisher, name, database))}
       PUBLICATION ${direction} WITH (copy_data = ${withRows}, origin = none, disable_on_error = ${withRows})`,
      { database, service: subscriber },
    )
  }
}

/** Ends a wait in which nothing moves any more. How much there is to do is no reason to end it. */
class Patience {
  readonly #limitMs: number
  #seen = ''
  #sinceMs = performance.now()

  constructor(limitMs: number) {
    this.#limitMs = limitMs
  }

  /** @param state differs once something has moved. */
  isOver(state: string): boolean {
    if (state !== this.#seen) {
      this.#seen = state
      this.#sinceMs = performance.now()
    }
    return performance.now() - this.#sinceMs > this.#limitMs
  }
}

/** How far a follower may be behind when clients are held back: this much is applied in well under a second. */
const smallLagBytes = 4 * 1024 ** 2

/**
 * Resolves when a follower follows closely. Enables what has stopped; a change that cannot be applied disables it again.
 * @param limitMs longest time in which it comes no closer.
 */
export async function waitFollowing(
  stack: Stack,
  publisher: string,
  subscriber: string,
  { replicated }: UpgradeState,
  direction: Direction,
  limitMs: number,
): Promise<void> {
  for (const [index, database] of replicated.entries()) {
    await stack.query(
      `ALTER SUBSCRIPTION ${direction}_${index} SET (disable_on_error = true);
       ALTER SUBSCRIPTION ${direction}_${index} ENABLE`,
      { database, service: subscriber },
    )
  }
  const patience = new Patience(limitMs)
  let leastLag = Number.POSITIVE_INFINITY
  const session = new SqlSession(stack, publisher, 'postgres')
  const follower = new SqlSession(stack, subscriber, 'postgres')
  try {
    for (;;) {
      const [row] = await session.run(
        `SELECT coalesce(bool_and(active), false),
           coalesce(max(pg_wal_lsn_diff(pg_current_wal_flush_lsn(), confirmed_flush_lsn)), 0)
         FROM pg_replication_slots WHERE slot_name ~ '^${direction}_[0-9]+$'`,
      )
      const [isActive, lag] = [row![0] === 't', Number(row![1])]
      if (isActive && lag < smallLagBytes) return
      leastLag = Math.min(leastLag, Math.floor(lag / smallLagBytes))
      // Enabled a moment ago: a change that cannot be applied has disabled it again.
      const [stopped] = await follower.run(
        `SELECT datname FROM pg_subscription JOIN pg_database d ON d.oid = subdbid
         WHERE subname ~ '^${direction}_[0-9]+$' AND NOT subenabled`,
      )
      if (stopped) throw await describeStop(stack, subscriber, stopped[0]!, 'has stopped')
      // Under more load than it applies it comes no closer.
      if (patience.isOver(String(leastLag))) {
        throw await describeStop(stack, subscriber, replicated.join(', '), 'is not in sync in time')
      }
      await sleep(pollIntervalMs)
    }
  } finally {
    await Promise.allSettled([session.close(), follower.close()])
  }
}

/** Has an old server go on following for good, whatever restarts: it retries, where `waitFollowing` has it stop. */
export async function tolerateErrors(
  stack: Stack,
  subscriber: string,
  { replicated }: UpgradeState,
): Promise<void> {
  for (const [index, database] of replicated.entries()) {
    const name: `${Direction}_${number}` = `simdgres_rollback_${index}`
    await stack.query(
      `ALTER SUBSCRIPTION ${name} SET (disable_on_error = false); ALTER SUBSCRIPTION ${name} ENABLE`,
      { database, service: subscriber },
    )
  }
}

/**
 * How far the workers of a subscriber have read. While tables are copied, the one that follows gets on whether or not a copy
 * does: it counts where a copied table waits for it, or no copy is under way.
 */
const received = `
  SELECT string_agg(concat_ws(' ', subid, relid, received_lsn, latest_end_lsn), ',' ORDER BY subid, relid, pid)
  FROM pg_stat_subscription
  WHERE relid IS NOT NULL OR EXISTS (SELECT FROM pg_subscription_rel WHERE srsubstate IN ('f', 's'))
    OR NOT EXISTS (SELECT FROM pg_subscription_rel WHERE srsubstate = 'd')`

/**
 * Resolves when all tables have been copied and follow.
 * @param limitMs longest time in which nothing is copied, and nothing received that was written meanwhile.
 */
export async function waitInSync(
  stack: Stack,
  subscriber: string,
  { replicated }: UpgradeState,
  limitMs: number,
): Promise<void> {
  const patience = new Patience(limitMs)
  for (const database of replicated) {
    const session = new SqlSession(stack, subscriber, database)
    try {
      for (;;) {
        const [row] = await session.run(
          `SELECT count(*) FILTER (WHERE srsubstate = 'r'), count(*),
             (SELECT bool_and(subenabled) FROM pg_subscription),
             (SELECT concat(sum(bytes_processed), ' ', count(*)) FROM pg_stat_progress_copy),
             (SELECT string_agg(srsubstate::text, '' ORDER BY srrelid) FROM pg_subscription_rel), (${received})
           FROM pg_subscription_rel`,
        )
        const [ready, total, isEnabled] = [Number(row![0]), Number(row![1]), row![2] === 't']
        stack.progress.step(`copying the tables of ${database}`, ready, total)
        if (ready === total && isEnabled) break
        if (!isEnabled || patience.isOver(row!.slice(3).join(' '))) {
          const what = isEnabled ? 'is not in sync in time' : 'has stopped'
          throw await describeStop(stack, subscriber, database, what)
        }
        await sleep(pollIntervalMs)
      }
    } finally {
      await Promise.allSettled([session.close()])
    }
  }
}

async function describeStop(
  stack: Stack,
  server: string,
  database: string,
  what: string,
): Promise<SimdgresError> {
  return new SimdgresError(
    'ERR_CHECK_FAILED',
    `The replication of ${database} to ${server} ${what}; its last lines:\n${await stack.logs(server)}`,
    'Correct what they say, or try again with a higher --sync-limit. Clients have noticed nothing.',
  )
}

/**
 * Resolves when the subscribers have stored everything in the publisher, which has to be fenced.
 * @param publisher session of its database postgres.
 */
export async function waitCaughtUp(
  publisher: SqlSession,
  direction: Direction,
  limitMs: number,
): Promise<void> {
  // This commit flushes the log, including earlier commits that did not wait for it. Only flushed log is sent.
  await publisher.run(`SELECT pg_logical_emit_message(true, '${direction}', 'end')`)
  await publisher.run(
    `DO $wait$
     DECLARE
       target constant pg_lsn := pg_current_wal_flush_lsn();
       deadline constant timestamptz := clock_timestamp() + interval '${Math.round(limitMs)} ms';
     BEGIN
       WHILE EXISTS (SELECT FROM pg_replication_slots WHERE slot_name ~ '^${direction}_[0-9]+$'
                     AND confirmed_flush_lsn < target) LOOP
         IF clock_timestamp() > deadline THEN
           RAISE EXCEPTION 'the subscriber has not caught up in time';
         END IF;
         PERFORM pg_sleep(0.01);
       END LOOP;
     END $wait$`,
  )
}

/** Values of sequences are not replicated. Both sessions are of the same database. */
export async function copySequences(from: SqlSession, to: SqlSession): Promise<void> {
  const rows = await from.run(
    `SELECT format('(%L::regclass, %s, %L::boolean)', format('%I.%I', schemaname, sequencename),
                   coalesce(last_value, start_value), last_value IS NOT NULL) FROM pg_sequences`,
  )
  if (rows.length === 0) return
  const values = rows.map(([row]) => row).join(', ')
  await to.run(
    `SELECT count(setval(name, value, is_called)) FROM (VALUES ${values}) AS v (name, value, is_called)`,
  )
}
