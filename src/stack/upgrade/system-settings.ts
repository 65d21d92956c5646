import type { Move } from '../move/replication.js'
import { restartLimitMs } from '../move/restart.js'
import { waitUntilAnswering } from '../pool/pooler.js'
import { requireSuccess } from '../server/sql.js'
import type { Stack } from '../stack.js'

const file = '"$PGDATA/postgresql.auto.conf"'
/** How the old server was made, which the new one is not. */
const ofRecovery = /^(primary_|recovery_|restore_command$|archive_cleanup_command$)/

/**
 * Gives the new server what ALTER SYSTEM has set in the old one, as far as it knows such a parameter, and restarts it: nobody
 * uses it yet.
 */
export async function copySystemSettings(stack: Stack, { from, to }: Move): Promise<void> {
  const read = await stack.exec(from.name, ['sh', '-euc', `cat ${file}`])
  requireSuccess(read, 'Reading what ALTER SYSTEM has set')
  const known = await stack.query('SELECT name FROM pg_settings', { service: to.name, database: 'postgres' })
  const names = new Set(known.map(([name]) => name))
  const kept: string[] = []
  const dropped: string[] = []
  for (const line of read.stdout.split('\n')) {
    const name = /^([\w.]+)\s*=/.exec(line)?.[1]
    if (name === undefined || ofRecovery.test(name)) continue
    // One of an extension is known only where that is loaded.
    if (names.has(name) || name.includes('.')) kept.push(line)
    else dropped.push(name)
  }
  if (dropped.length > 0) {
    stack.progress.note(`the new version does not know what ALTER SYSTEM has set: ${dropped.join(', ')}`)
  }
  if (kept.length === 0) return
  const write = ['sh', '-euc', `cat >${file}; sync ${file}`]
  requireSuccess(await stack.exec(to.name, write, { stdin: `${kept.join('\n')}\n` }), 'Setting them')
  await (await stack.container(to.name)).restart()
  await waitUntilAnswering(stack, to.name, restartLimitMs)
}
