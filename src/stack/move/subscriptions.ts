import { quoteIdentifier } from '../server/quote.js'
import type { Stack } from '../stack.js'
import { passwordFile, replicationRole } from './replication.js'
import type { UpgradeState } from './upgrade-state.js'

/** The first sends rows from the old server to the new one; the second sends them back, for a rollback. */
export type Direction = 'simdgres_upgrade' | 'simdgres_rollback'

/** Sets how a subscriber finds a changed row, for `tables` by database. */
export async function alterIdentity(
  stack: Stack,
  service: string,
  tables: UpgradeState['fullIdentity'],
  identity: 'FULL' | 'DEFAULT',
): Promise<void> {
  for (const [database, names] of Object.entries(tables)) {
    // IF EXISTS: a table may have been dropped before the upgrade is undone.
    const statements = names.map((name) => `ALTER TABLE IF EXISTS ${name} REPLICA IDENTITY ${identity};`)
    await stack.query(`SET lock_timeout = '5s';\n${statements.join('\n')}`, { database, service })
  }
}

/** Ends one direction, without the publisher, which may be stopped or closed. */
export async function unsubscribe(
  stack: Stack,
  subscriber: string,
  { replicated }: UpgradeState,
  direction: Direction,
): Promise<void> {
  for (const [index, database] of replicated.entries()) {
    const name = `${direction}_${index}`
    const place = { database, service: subscriber }
    const found = await stack.query(
      `SELECT 1 FROM pg_subscription WHERE subname = '${name}'
         AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      place,
    )
    if (found.length === 0) continue
    await stack.query(`ALTER SUBSCRIPTION ${name} DISABLE`, place)
    await stack.query(`ALTER SUBSCRIPTION ${name} SET (slot_name = NONE)`, place)
    await stack.query(`DROP SUBSCRIPTION ${name}`, place)
  }
}

/** Removes what a publisher keeps for subscribers that are gone. */
export async function unpublish(
  stack: Stack,
  publisher: string,
  { replicated }: UpgradeState,
  direction: Direction,
): Promise<void> {
  await stack.query(
    `SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots
       WHERE slot_name ~ '^${direction}_' AND active_pid IS NOT NULL;
     SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name ~ '^${direction}_'`,
    { service: publisher, database: 'postgres' },
  )
  for (const database of replicated) {
    await stack.query(`DROP PUBLICATION IF EXISTS ${direction}`, { database, service: publisher })
  }
}

/** Restores identities and rights as they were before the upgrade. */
export async function endReplication(stack: Stack, server: string, state: UpgradeState): Promise<void> {
  await alterIdentity(stack, server, state.fullIdentity, 'DEFAULT')
  const revokes = state.replicated.map(
    (name) => `REVOKE CONNECT ON DATABASE ${quoteIdentifier(name)} FROM ${replicationRole};`,
  )
  await stack.query(`${revokes.join('\n')}\nREVOKE pg_read_all_data FROM ${replicationRole}`, {
    service: server,
    database: 'postgres',
  })
  await stack.exec(server, ['rm', '-f', passwordFile])
}
