import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Container, ContainerInspectInfo, ContainerStats } from 'dockerode'
import pg from 'pg'
import { pack } from 'tar-stream'
import { SimdgresError, throwIfAborted } from '../errors.js'
import { describeEngineError } from './docker-engine.js'
import { serverPort } from './docker-options.js'
import { secretsFolder } from './docker-service.js'
import type { ConnectionInfo, TargetStats } from './target.js'

const pollIntervalMs = 200
const connectTimeoutMs = 5000
/** The first boot takes seconds; a machine that is busy with other builds can need a minute. */
const startTimeoutMs = 180_000
const shownLogLines = 20
/** uid and gid of the server in the image. */
const serverUser = 999

/**
 * Writes a secret into the created, not yet started container: never in its environment, arguments or `inspect`
 * output.
 */
export async function putSecret(container: Container, name: string, value: string): Promise<void> {
  const archive = pack()
  archive.entry({ name, mode: 0o400, uid: serverUser, gid: serverUser }, value)
  archive.finalize()
  await container.putArchive(Readable.from(archive), { path: secretsFolder })
}

/** @throws ERR_RESOURCE where the port is taken. */
export async function startContainer(container: Container, port: number | undefined): Promise<void> {
  try {
    await container.start()
  } catch (error) {
    const message = describeEngineError(error)
    if (port !== undefined && /port is already allocated|address already in use/.test(message)) {
      throw new SimdgresError(
        'ERR_RESOURCE',
        `Port ${port} of 127.0.0.1 is in use`,
        'Stop what uses it, pass another port, or leave the port out to get a free one.',
        { cause: error },
      )
    }
    throw error
  }
}

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
async function tryQuery({
  host,
  port,
  user,
  password,
  database,
}: ConnectionInfo): Promise<Error | undefined> {
  const client = new pg.Client({
    host,
    port,
    user,
    password,
    database,
    connectionTimeoutMillis: connectTimeoutMs,
  })
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

/** The error for a container that is not running: exit code, reason, last log lines. */
export async function describeEnd(
  container: Container,
  state?: ContainerInspectInfo['State'],
): Promise<SimdgresError> {
  const { ExitCode, OOMKilled, Error: reason } = state ?? (await container.inspect()).State
  const cause = OOMKilled ? ' (out of memory)' : reason ? ` (${reason})` : ''
  return new SimdgresError(
    'ERR_UNAVAILABLE',
    `The server's container ended with exit code ${ExitCode}${cause}; its last lines:\n${await readLastLines(container)}`,
    OOMKilled ? 'Give it more memory.' : 'Correct what the last lines say.',
  )
}

/** The last lines that the container wrote to stdout and stderr. */
export async function readLastLines(container: Container, lines = shownLogLines): Promise<string> {
  const frames = await container.logs({ stdout: true, stderr: true, tail: lines, follow: false })
  return splitFrames(frames).trimEnd()
}

/** Without a terminal, the engine sends output in frames: 4 bytes stream and padding, 4 bytes length, the text. */
function splitFrames(frames: Buffer): string {
  const texts: string[] = []
  let offset = 0
  while (offset + 8 <= frames.length) {
    const length = frames.readUInt32BE(offset + 4)
    texts.push(frames.toString('utf8', offset + 8, offset + 8 + length))
    offset += 8 + length
  }
  return texts.join('')
}

/**
 * Memory without the page cache that the kernel gives back at once, as `docker stats` shows it: the key is
 * `total_inactive_file` with control groups of version 1 and `inactive_file` with version 2. Version 2 reports no
 * peak: there it is the highest value that was asked for.
 */
export async function readStats(container: Container, previousPeakBytes: number): Promise<TargetStats> {
  const { memory_stats: memory, cpu_stats: cpu }: ContainerStats = await container.stats({
    stream: false,
    'one-shot': true,
  })
  const usageBytes = memory.usage ?? 0
  const reclaimableBytes = memory.stats?.total_inactive_file ?? memory.stats?.inactive_file ?? 0
  const memoryBytes = Math.max(0, usageBytes - reclaimableBytes)
  return {
    memoryBytes,
    memoryPeakBytes: Math.max(memory.max_usage ?? 0, memoryBytes, previousPeakBytes),
    cpuSeconds: cpu.cpu_usage.total_usage / 1e9,
  }
}
