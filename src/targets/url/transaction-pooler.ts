import type pg from 'pg'
import { SimdgresError } from '../../errors.js'

/** Statements of each session: a pooler that hands out its connections in turn moves a session at the second one. */
const rounds = 3
/**
 * Sessions where a proxy answers: it may be several processes behind one address, each with connections of its own,
 * and two sessions share one only if they have reached the same process.
 */
const sessionsOfProxy = 4
/** For a session that a pooler lets in and then keeps waiting for a connection. */
const answerWithinMs = 15_000
/** The same for the sessions that we can do without. */
const spareAnswerWithinMs = 2_000

/** A server process, by its number and its server's start: several servers may answer at one address. */
const backendQuestion =
  "SELECT pg_backend_pid() AS pid, pg_backend_pid() || ' of ' || pg_postmaster_start_time() AS name"

/**
 * Tells whether sessions have a server process each, as a run needs it: it sets parameters, holds an advisory lock and
 * prepares statements. A pooler in transaction or statement mode has fewer processes than sessions; what a run sets would
 * stay on them and reach whoever comes next. So this only asks, and sets nothing.
 *
 * A pooler that prefers the connection it used last gives the same process to two sessions that ask one after the other.
 * One that takes its connections in turn gives one session several. Other clients of the pooler mix them, which shows
 * within a few rounds.
 * @param open a new session; the caller closes it.
 * @throws ERR_INVALID_ARGUMENT for such a pooler, ERR_UNAVAILABLE where there is no second session.
 */
export async function refuseTransactionPooler(where: string, open: () => Promise<pg.Client>): Promise<void> {
  const sessions = [await open(), await open()]
  // Both, before further sessions can take the connections of a small pool.
  const [{ pid }] = [await askBackend(sessions[0]!), await askBackend(sessions[1]!)]
  if (isProxied(sessions[0]!, pid)) {
    while (sessions.length < sessionsOfProxy) {
      const another = await openIfThereIs(open)
      if (another === undefined) break
      sessions.push(another)
    }
  }
  const holders = new Map<string, number>()
  const backends = new Map<number, string>()
  for (let round = 0; round < rounds; round++) {
    for (const [session, client] of sessions.entries()) {
      const { name } = await askBackend(client)
      const holder = holders.get(name) ?? session
      if (holder !== session) throw refuse(where, 'two of its sessions have run in one server process')
      if ((backends.get(session) ?? name) !== name) {
        throw refuse(where, 'one session has run in two server processes')
      }
      holders.set(name, session)
      backends.set(session, name)
    }
  }
}

function refuse(where: string, observed: string): SimdgresError {
  return new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    `A transaction pooler answers at ${where}: ${observed}. The run has set nothing there`,
    'Use the direct endpoint of the server, or a pooler in session mode (often at another port): a run sets parameters ' +
      'and takes a lock, which other clients of this pooler would find in their sessions.',
  )
}

/** A server tells each client the number of its process, for cancelling. Poolers give out numbers of their own. */
function isProxied(client: pg.Client, pid: number): boolean {
  // The driver keeps it, and has no type for it.
  return (client as pg.Client & { readonly processID?: number | null }).processID !== pid
}

/**
 * Undefined where the pool, or the role, has no connection to spare. Why does not matter: those that are there decide, and
 * a server that has gone away does not answer them either.
 */
async function openIfThereIs(open: () => Promise<pg.Client>): Promise<pg.Client | undefined> {
  try {
    const client = await open()
    await askBackend(client, spareAnswerWithinMs)
    return client
  } catch {
    return undefined
  }
}

async function askBackend(
  client: pg.Client,
  withinMs = answerWithinMs,
): Promise<{ pid: number; name: string }> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new SimdgresError(
            'ERR_UNAVAILABLE',
            `A further session got no answer within ${withinMs / 1000} s: a pooler seems to have no connection left`,
            'Use the direct endpoint of the server: a run needs several connections at once.',
          ),
        ),
      withinMs,
    )
  })
  try {
    const { rows } = await Promise.race([client.query<{ pid: number; name: string }>(backendQuestion), late])
    return rows[0]!
  } finally {
    clearTimeout(timer)
  }
}
