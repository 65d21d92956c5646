import { setTimeout as sleep } from 'node:timers/promises'
import { SimdgresError } from '../../errors.js'
import { poolerService } from '../services/service-names.js'
import type { Stack } from '../stack.js'
import { poolerConsoleCommand } from './console.js'
import { sessionDatabase } from './pool-file.js'

/** Exit code of timeout(1) when it had to end the command. */
const timedOut = 124
const pollIntervalMs = 50

/** How long a pause is waited for once the sessions that held it up are ended. */
const forcedLimitMs = 5000
const terminationTimeoutMs = 5000

/**
 * Has PgBouncer finish the running transactions and hold back all others. If that takes longer than `limitMs`, because a
 * client keeps its transaction open, the pool goes on as before.
 * @param force ends those clients' sessions then, with a note that names each, and tries once more.
 * @throws ERR_UNAVAILABLE naming the sessions that were waited for.
 */
export async function pausePool(stack: Stack, limitMs: number, force = false): Promise<void> {
  try {
    await tryPause(stack, limitMs)
  } catch (error) {
    if (!force || !(error instanceof SimdgresError)) throw error
    for (const holder of await endHolders(stack)) stack.progress.note(`ended the session of ${holder}`)
    await tryPause(stack, forcedLimitMs)
  }
}

async function tryPause(stack: Stack, limitMs: number): Promise<void> {
  // PAUSE has no time limit, and PgBouncer never answers one that RESUME cancelled: the session has to be killed.
  const argv = ['timeout', (limitMs / 1000).toFixed(3), ...poolerConsoleCommand]
  const { exitCode, stderr } = await stack.exec(poolerService, argv, { stdin: 'PAUSE;\n' })
  if (exitCode === 0) return
  let reason = stderr.trim()
  try {
    if (exitCode === timedOut) reason = await findHolders(stack)
  } finally {
    // Even if the server does not say who holds it: clients are waiting.
    await resumePool(stack)
  }
  throw new SimdgresError(
    'ERR_UNAVAILABLE',
    `The pool does not pause within ${limitMs / 1000} s: ${reason}. It has been resumed; nothing has changed.`,
    'End these sessions, or try again with a higher --pause-limit, or with --force, which ends them.',
  )
}

/** No error where it is not paused. */
export async function resumePool(stack: Stack): Promise<void> {
  if (await isPoolPaused(stack)) await stack.poolerAdmin('RESUME')
}

export async function isPoolPaused(stack: Stack): Promise<boolean> {
  const states = await stack.poolerAdmin('SHOW STATE')
  return states.some(({ key, value }) => key === 'paused' && value === 'yes')
}

/** @throws ERR_CHECK_FAILED where the pool would send clients to another server. */
export async function requirePoolAt(stack: Stack, server: string): Promise<void> {
  const hosts = (await stack.poolerAdmin('SHOW DATABASES'))
    .filter(({ name }) => name !== 'pgbouncer')
    .map(({ host }) => host)
  if (hosts.every((host) => host === server)) return
  throw new SimdgresError(
    'ERR_CHECK_FAILED',
    `The pool goes to ${[...new Set(hosts)].join(', ')}, not to ${server}`,
    'See pool/databases.ini in the stack folder, and simdgres logs pgbouncer.',
  )
}

/** The address of a running server, in the network that it shares with the pool. */
export async function readAddress(stack: Stack, server: string): Promise<string> {
  const { NetworkSettings } = await (await stack.container(server)).inspect()
  return NetworkSettings.Networks[stack.networkName('backend')]?.IPAddress ?? ''
}

/** A last resort that costs clients their connections: PgBouncer never learns that a name has a new address. */
export async function restartPooler(stack: Stack): Promise<void> {
  await (await stack.container(poolerService)).restart()
  await stack.waitUntilHealthy(poolerService)
}

/**
 * Sessions of the pool that hold up a pause, the oldest transaction first: those in a transaction, and those that clients have
 * for themselves. What goes past the pool does not hold it up.
 */
async function holders(stack: Stack): Promise<string> {
  const own = (await stack.poolerAdmin('SHOW SERVERS'))
    .filter(({ database, link }) => database === sessionDatabase(stack.database) && link)
    .map(({ remote_pid: pid }) => Number(pid))
  return `FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND host(client_addr) = '${await readAddress(stack, poolerService)}'
    AND (xact_start IS NOT NULL OR pid = ANY('{${own.join()}}'))
    ORDER BY xact_start`
}

const describeHolder =
  "format('%s of %s for %s s (%s)', usename, datname, round(extract(epoch FROM now() - coalesce(xact_start, backend_start))), state)"

/** Ends the sessions that hold up a pause. Resolves to what they were. */
async function endHolders(stack: Stack): Promise<readonly string[]> {
  const rows = await stack.query(
    `SELECT ${describeHolder}, pg_terminate_backend(pid, ${terminationTimeoutMs}) ${await holders(stack)}`,
    { database: 'postgres' },
  )
  return rows.map(([text]) => text!)
}

async function findHolders(stack: Stack): Promise<string> {
  const rows = await stack.query(`SELECT ${describeHolder} ${await holders(stack)} LIMIT 5`, {
    database: 'postgres',
  })
  return rows.length === 0 ? 'a client holds its connection' : rows.map(([text]) => text).join(', ')
}

/** Asks until the server answers a query: a health check runs only every few seconds, too seldom while clients wait. */
export async function waitUntilAnswering(stack: Stack, server: string, limitMs: number): Promise<void> {
  const deadline = performance.now() + limitMs
  for (;;) {
    try {
      await stack.query('SELECT 1', { service: server, database: 'postgres' })
      return
    } catch (error) {
      const isExpected =
        error instanceof SimdgresError && ['ERR_UNAVAILABLE', 'ERR_CHECK_FAILED'].includes(error.code)
      if (!isExpected || performance.now() > deadline) throw error
    }
    await sleep(pollIntervalMs)
  }
}
