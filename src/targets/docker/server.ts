import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { describeEnd, findPublishedPort } from '../../engine/container.js'
import type { Container } from '../../engine/engine.js'
import { readHealth } from '../../engine/health.js'
import { SimdgresError, throwIfAborted } from '../../errors.js'
import { clientOptions } from '../connection.js'
import type { ConnectionInfo } from '../target.js'
import { serverPort } from './container-options.js'

const pollIntervalMs = 200
const connectTimeoutMs = 5000
/** The first boot takes seconds, or a minute on a machine that is busy with builds. */
const startTimeoutMs = 180_000
/** Each check starts a process in the container. */
const checkIntervalMs = 1000
/** If the port is not open this long after the server was ready, it never will be. */
const publishTimeoutMs = 5000
/** SQLSTATE of a server that is still starting or replaying its log. */
const startingUp = '57P03'

/** The host port that the engine assigned to the server. */
export async function findHostPort(container: Container): Promise<number> {
  const port = await findPublishedPort(container, `${serverPort}/tcp`)
  if (port !== undefined) return port
  throw await describeEnd(container)
}

/**
 * Resolves when the server answers a query over TCP. Throws with its last log lines if it ended instead, and within
 * seconds if the server is ready but cannot be reached.
 */
export async function waitUntilReady(
  container: Container,
  connection: ConnectionInfo,
  signal: AbortSignal,
): Promise<void> {
  const startedAtMs = performance.now()
  let checkedAtMs = startedAtMs
  let healthyAtMs: number | undefined
  for (;;) {
    throwIfAborted(signal)
    const problem = await tryQuery(connection)
    if (problem === undefined) return
    const { State } = await container.inspect()
    if (!State.Running) throw await describeEnd(container, State)
    const nowMs = performance.now()
    if (problem instanceof pg.DatabaseError && problem.code !== startingUp) throw describeAnswer(problem)
    if (nowMs - startedAtMs > startTimeoutMs) throw describeDelay(problem)
    if (nowMs - checkedAtMs > checkIntervalMs && !(problem instanceof pg.DatabaseError)) {
      const isHealthy = (await readHealth(container, 'the server', signal)) === 'healthy'
      checkedAtMs = performance.now()
      healthyAtMs = isHealthy ? (healthyAtMs ?? checkedAtMs) : undefined
      if (healthyAtMs !== undefined && checkedAtMs - healthyAtMs > publishTimeoutMs) {
        throw describeClosedWay(connection, problem)
      }
    }
    await sleep(pollIntervalMs)
  }
}

function describeAnswer(cause: pg.DatabaseError): SimdgresError {
  return new SimdgresError(
    'ERR_UNAVAILABLE',
    `The server in the container refuses its own user: ${cause.message}`,
    'Check POSTGRES_USER and POSTGRES_DB in docker/.env and in the environment.',
    { cause },
  )
}

function describeDelay(cause: Error): SimdgresError {
  return new SimdgresError(
    'ERR_UNAVAILABLE',
    `The server in the container does not answer after ${startTimeoutMs / 1000} s: ${cause.message}`,
    'Try again when the machine is less busy, or look at it with docker logs.',
    { cause },
  )
}

/** The engine's socket can be handed into a container; the loopback on which it publishes ports cannot. */
function describeClosedWay({ host, port }: ConnectionInfo, cause: Error): SimdgresError {
  return new SimdgresError(
    'ERR_UNAVAILABLE',
    `The server in the container is healthy, but its published port ${host}:${port} cannot be reached from here (${cause.message}): the engine runs on another machine, or in another network than this process`,
    'Inside a container or a CI job, run it with the network of the host (docker run --network host); with a remote engine, use --target url.',
    { cause },
  )
}

/** @returns why the query was not answered; undefined if it was. */
async function tryQuery(connection: ConnectionInfo): Promise<Error | undefined> {
  const client = new pg.Client(clientOptions(connection, { connectionTimeoutMillis: connectTimeoutMs }))
  let problem: Error | undefined
  const note = (error: unknown): void => {
    problem ??= error instanceof Error ? error : new Error(String(error))
  }
  // Without a listener, a connection lost after it was made would end the process.
  client.on('error', note)
  try {
    await client.connect()
    await client.query('SELECT 1')
  } catch (error) {
    note(error)
  }
  await client.end().catch(note)
  return problem
}
