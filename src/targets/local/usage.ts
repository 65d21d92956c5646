import { readdirSync, readFileSync } from 'node:fs'
import type { TargetStats } from '../target.js'

/** Linux reports processor time in this unit to every program, whatever the kernel's own tick is. */
const ticksPerSecond = 100
const bytesPerKib = 1024
/** Peaks shorter than this may go unseen; one reading costs well below a millisecond. */
const sampleEveryMs = 1_000

interface ProcessUsage {
  readonly parent: number
  readonly ownTicks: number
  readonly reapedChildrenTicks: number
}

/**
 * Follows how much memory and processor time a server and its backends use, through /proc. Private memory is summed; the
 * shared buffers, which every backend maps, count once, by the process that has touched most of them.
 */
export class UsageMeter {
  readonly #pid: number
  readonly #timer: NodeJS.Timeout
  #peakBytes = 0

  constructor(pid: number) {
    this.#pid = pid
    this.#timer = setInterval(() => this.read(), sampleEveryMs).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Undefined if there is no /proc or the server has ended. */
  read(): TargetStats | undefined {
    const root = readUsage(this.#pid)
    if (!root) return undefined
    const children = listProcesses()
      .map((pid) => ({ pid, usage: readUsage(pid) }))
      .filter(({ usage }) => usage?.parent === this.#pid)
    const pids = [this.#pid, ...children.map(({ pid }) => pid)]
    const memory = pids.map(readMemory)
    const memoryBytes =
      memory.reduce((sum, { privateBytes }) => sum + privateBytes, 0) +
      Math.max(...memory.map(({ sharedBytes }) => sharedBytes))
    this.#peakBytes = Math.max(this.#peakBytes, memoryBytes)
    const ticks = children.reduce(
      (sum, { usage }) => sum + (usage?.ownTicks ?? 0),
      root.ownTicks + root.reapedChildrenTicks,
    )
    return { memoryBytes, memoryPeakBytes: this.#peakBytes, cpuSeconds: ticks / ticksPerSecond }
  }
}

function listProcesses(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid))
}

function readUsage(pid: number): ProcessUsage | undefined {
  const text = readProcFile(pid, 'stat')
  if (text === undefined) return undefined
  // The second field, the command's name, may hold spaces and brackets; the fields after it do not.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const field = (number: number) => Number(fields[number - 3])
  return { parent: field(4), ownTicks: field(14) + field(15), reapedChildrenTicks: field(16) + field(17) }
}

function readMemory(pid: number): { privateBytes: number; sharedBytes: number } {
  const text = readProcFile(pid, 'status') ?? ''
  const bytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0) * bytesPerKib
  return { privateBytes: bytes('RssAnon'), sharedBytes: bytes('RssShmem') }
}

/** Undefined if the process has ended, which one of many backends may do at any moment. */
function readProcFile(pid: number, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8')
  } catch {
    return undefined
  }
}
