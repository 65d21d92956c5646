import { SimdgresError } from '../../errors.js'
import { type ExchangeOptions, exchange } from '../move/exchange.js'
import { MoveJournal } from '../move/journal.js'
import { findPrimary } from '../move/replication.js'
import { quoteIdentifier, quoteLiteral } from '../server/quote.js'
import type { Stack } from '../stack.js'
import { timeStamp } from './names.js'

/** Clients of PgBouncer give up after query_wait_timeout (60 s), so no transaction is waited for longer than this. */
export const defaultPause: ExchangeOptions = { pauseLimitMs: 20_000 }
const terminationTimeoutMs = 10_000
const renameAttempts = 5

/**
 * Puts the database `restored` in the place of `name`, in one transaction: whoever connects finds one or the other,
 * whatever happens.
 * @returns the name that the old one has now.
 */
export async function swapDatabases(
  stack: Stack,
  name: string,
  restored: string,
  options: ExchangeOptions = defaultPause,
): Promise<string> {
  const kept = `${name}_before_${timeStamp()}`
  const { steady } = stack
  const place = findPrimary(steady)
  const server = { from: place.name, to: place.name }
  const move = { kind: 'swap', from: place, to: place, restored } as const
  const journal = MoveJournal.begin(steady, move, options.observe)
  try {
    await exchange(
      stack,
      server,
      options,
      [{ name: 'rename both databases', do: () => renameWhenUnused(steady, name, kept, restored) }],
      journal,
    )
  } finally {
    await journal.end()
  }
  return kept
}

/** Exporters and administrators bypass the pool, and may reconnect between the end of their session and the rename. */
async function renameWhenUnused(stack: Stack, name: string, kept: string, restored: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await renameBoth(stack, name, kept, restored)
      return
    } catch (error) {
      const isInUse =
        error instanceof SimdgresError && error.message.includes('is being accessed by other users')
      if (!isInUse || attempt === renameAttempts) throw error
    }
  }
}

/** A database can be renamed only while nobody is connected to it. */
async function renameBoth(stack: Stack, name: string, kept: string, restored: string): Promise<void> {
  const names = [name, restored].map(quoteLiteral).join(', ')
  await stack.query(
    `SELECT pg_terminate_backend(pid, ${terminationTimeoutMs}) FROM pg_stat_activity WHERE datname IN (${names});
     BEGIN;
     ALTER DATABASE ${quoteIdentifier(name)} RENAME TO ${quoteIdentifier(kept)};
     ALTER DATABASE ${quoteIdentifier(restored)} RENAME TO ${quoteIdentifier(name)};
     COMMIT`,
    { database: 'postgres' },
  )
}

/** Begins the name of a database that is restored and verified, and was not put in its place. */
function readyPrefix(stack: Stack): string {
  return `${stack.database}_ready_`
}

/** Keeps a verified database for `findReadyDatabase`. Resolves to its name; undefined if it is in its place already. */
export async function keepReady(stack: Stack, restored: string): Promise<string | undefined> {
  const found = await stack.query(`SELECT 1 FROM pg_database WHERE datname = ${quoteLiteral(restored)}`, {
    database: 'postgres',
  })
  if (found.length === 0) return undefined
  const name = `${readyPrefix(stack)}${timeStamp()}`
  await stack.query(`ALTER DATABASE ${quoteIdentifier(restored)} RENAME TO ${quoteIdentifier(name)}`, {
    database: 'postgres',
  })
  return name
}

/** The newest that is restored and verified, but was not put in its place. */
export async function findReadyDatabase(stack: Stack): Promise<string | undefined> {
  const kept = await listKeptDatabases(stack)
  return kept.find((name) => name.startsWith(readyPrefix(stack)))
}

/**
 * Databases that restores have kept, and those that killed restores and restore tests were filling; the newest of each
 * kind first. Leaves out any that is being filled, which shows by a connection to it.
 */
export async function listKeptDatabases(stack: Stack): Promise<readonly string[]> {
  const prefixes = [
    `${stack.database}_before_`,
    `${stack.database}_restored_`,
    readyPrefix(stack),
    'restore_test_',
  ].map(quoteLiteral)
  const rows = await stack.query(
    `SELECT datname FROM pg_database, unnest(ARRAY[${prefixes.join(', ')}]) AS prefix
     WHERE starts_with(datname, prefix) AND substr(datname, length(prefix) + 1) ~ '^[0-9]{8}_[0-9]{6}_[0-9]{3}$'
       AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datname = pg_database.datname)
     ORDER BY prefix, datname DESC`,
    { database: 'postgres' },
  )
  return rows.map(([found]) => found!)
}
