import type { Stack } from '../stack.js'

const recoverySettings = [
  'archive_cleanup_command',
  'recovery_end_command',
  'recovery_target',
  'recovery_target_action',
  'recovery_target_inclusive',
  'recovery_target_lsn',
  'recovery_target_name',
  'recovery_target_time',
  'recovery_target_timeline',
  'recovery_target_xid',
  'restore_command',
] as const

/**
 * Makes a primary forget how it was recovered. It needs none of that any more, but a standby that is copied from it would:
 * its promotion fails where the log does not end at the old target.
 */
export async function resetRecoverySettings(stack: Stack, server: string): Promise<void> {
  const statements = recoverySettings.map((name) => `ALTER SYSTEM RESET ${name}`)
  await stack.query(statements.join('; '), { service: server, database: 'postgres' })
}
