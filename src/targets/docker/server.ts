import { setTimeout as sleep } from 'node:timers/promises'
import type { Container } from 'dockerode'
import pg from 'pg'
import { describeEnd } from '../../engine/container.js'
import { SimdgresError, throwIfAborted } from '../../errors.js'
import { clientOptions } from '../connection.js'
import type { ConnectionInfo } from '../target.js'
import { serverPort } from './container-options.js'

const pollIntervalMs = 200
const connectTimeoutMs = 5000
/** The first boot takes seconds; a machine that is busy with other builds can need a minute. */
const startTimeoutMs = 180_000

/** The port of the host that the engine gave to the server's. */
export async function findHostPort(container: Container): Promise<number> {
  const { NetworkSettings } = await container.inspect()
  const port = Number(NetworkSettings.Ports[`${serverPort}/tcp`]?.[0]?.HostPort)
  if (port > 0) return port
  throw await describeEnd(container)
}

/** Resolves when the server answers a query over TCP. Throws with its last log lines where it ended instead. */
export async function waitUntilReady(
  container: Container,
  connection: ConnectionInfo,
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + startTimeoutMs
  for (;;) {
    throwIfAborted(signal)
    const problem = await tryQuery(connection)
    if (problem === undefined) return
    const { State } = await container.inspect()
    if (!State.Running) throw await describeEnd(container, State)
    if (performance.now() > deadline) {
      throw new SimdgresError(
        'ERR_UNAVAILABLE',
        `The server in the container does not answer after ${startTimeoutMs / 1000} s: ${problem.message}`,
        'Its published port has to be reachable at 127.0.0.1: with a remote engine, use --target url.',
        { cause: problem },
      )
    }
    await sleep(pollIntervalMs)
  }
}

/** @returns why no query was answered; undefined where one was. */
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
