import { Readable } from 'node:stream'
import type Docker from 'dockerode'
import type { Container, ContainerInspectInfo, ContainerStats } from 'dockerode'
import { pack } from 'tar-stream'
import { SimdgresError } from '../errors.js'
import { readLastLines } from './container-log.js'
import { describeEngineError, engineError } from './engine.js'
import { type ContainerOptions, secretsFolder } from './service-description.js'

/** What a container has used since it was started. */
export interface ContainerUsage {
  readonly memoryBytes: number
  readonly memoryPeakBytes: number
  readonly cpuSeconds: number
}

/** Creates a container; does not start it. */
export async function createContainer(engine: Docker, options: ContainerOptions): Promise<Container> {
  try {
    return await engine.createContainer(options)
  } catch (error) {
    throw engineError(error, `creating the container ${options.name}`)
  }
}

/**
 * Writes secrets into the created, not yet started container: never in its environment, arguments or `inspect` output.
 * @param files contents by name.
 * @param owner uid and gid of who reads them.
 */
export async function putSecrets(
  container: Container,
  files: Readonly<Record<string, string>>,
  owner: { readonly uid: number; readonly gid: number },
): Promise<void> {
  const archive = pack()
  for (const [name, content] of Object.entries(files)) archive.entry({ name, mode: 0o400, ...owner }, content)
  archive.finalize()
  await container.putArchive(Readable.from(archive), { path: secretsFolder })
}

/** The host port that the engine assigned to the container's `port` (`5432/tcp`); undefined if it is not running. */
export async function findPublishedPort(container: Container, port: string): Promise<number | undefined> {
  const { NetworkSettings } = await container.inspect()
  const published = Number(NetworkSettings.Ports[port]?.[0]?.HostPort)
  return published > 0 ? published : undefined
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

/** The error for a container that is not running: exit code, reason, last log lines. */
export async function describeEnd(
  container: Container,
  state?: ContainerInspectInfo['State'],
): Promise<SimdgresError> {
  const { ExitCode, OOMKilled, Error: reason } = state ?? (await container.inspect()).State
  const cause = OOMKilled ? ' (out of memory)' : reason ? ` (${reason})` : ''
  return new SimdgresError(
    'ERR_UNAVAILABLE',
    `The container ended with exit code ${ExitCode}${cause}; its last lines:\n${await readLastLines(container)}`,
    OOMKilled ? 'Give it more memory.' : 'Correct what the last lines say.',
  )
}

/**
 * Memory as `docker stats` shows it, without the page cache that the kernel can reclaim at once
 * (`total_inactive_file` in version 1 of control groups, `inactive_file` in version 2). Version 2 reports no peak, so the
 * peak is then the highest value read so far.
 */
export async function readStats(container: Container, previousPeakBytes: number): Promise<ContainerUsage> {
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

/** Where a container is in its life. */
export interface ContainerState {
  /** Also true while the engine restarts it after a crash. */
  readonly isRunning: boolean
  readonly exitCode: number
  /** ISO 8601, in whole seconds. */
  readonly startedAt: string
  readonly restartCount: number
}

export async function readState(container: Container): Promise<ContainerState> {
  const { State, RestartCount } = await container.inspect()
  return {
    isRunning: State.Running,
    exitCode: State.ExitCode,
    startedAt: State.StartedAt.replace(/\.\d+Z$/, 'Z'),
    restartCount: RestartCount,
  }
}
