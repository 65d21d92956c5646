import { Readable } from 'node:stream'
import type { Container, ContainerInspectInfo, ContainerStats } from 'dockerode'
import { pack } from 'tar-stream'
import { SimdgresError } from '../errors.js'
import { describeEngineError } from './engine.js'
import { secretsFolder } from './service-description.js'

const shownLogLines = 20

/** Use of resources by a container since it was started. */
export interface ContainerUsage {
  readonly memoryBytes: number
  readonly memoryPeakBytes: number
  readonly cpuSeconds: number
}

/**
 * Writes a secret into the created, not yet started container: never in its environment, arguments or `inspect`
 * output.
 * @param owner uid and gid of who reads it.
 */
export async function putSecret(
  container: Container,
  name: string,
  value: string,
  owner: number,
): Promise<void> {
  const archive = pack()
  archive.entry({ name, mode: 0o400, uid: owner, gid: owner }, value)
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
