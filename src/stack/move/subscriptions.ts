import { quoteIdentifier } from '../server/quote.js'
import type { Stack } from '../stack.js'
import { passwordFile, replicationRole } from './replication.js'
import type { UpgradeState } from './upgrade-state.js'

/** Rows go from the old server to the new one under the first name, and back, for a rollback, under the second. */
export type Direction = 'simdgres_upgrade' | 'simdgres_rollback'

/** By database, the identity of tables from now on: how a subscriber finds the row that was changed. */
export async function alterIdentity(
  stack: Stack,
  service: string,
  tables: UpgradeState['fullIdentity'],
  identity: 'FULL' | 'DEFAULT',
): Promise<void> {
  for (const [database, names] of Object.entries(tables)) {
    // An upgrade that is undone may meet a table that was dropped meanwhile.
    const statements = names.map((name) => `ALTER TABLE IF EXISTS ${name} REPLICA IDENTITY ${identity};`)
    await stack.query(`SET lock_timeout = '5s';\n${statements.join('\n')}`, { database, service })
  }
}

/** Ends one direction. The publisher is not asked: it may be stopped or closed. */
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

/** Removes what the publisher keeps for subscribers that are gone. */
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

/** Identities and rights as before the upgrade. */
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
