import { existsSync, statfsSync } from 'node:fs'
import { runTuneScript } from '../../config/tune-script.js'
import { memoryLimitBytes } from '../../system/memory-limit.js'
import type { DeploySettings } from '../target.js'

const sharedMemoryFolder = '/dev/shm'
/** An eighth of the memory is what the script gives to index builds, which put it into /dev/shm. */
const neededShare = 1 / 8

export interface Tuning {
  /** Server parameters by name. */
  readonly parameters: ReadonlyMap<string, string>
  /** Variables the server is started with. */
  readonly environment: Readonly<Record<string, string>>
}

/** Computed from the memory and processors of the machine, or of this process's control group where that has less, or
 * of `settings`. */
export async function computeTuning(settings: DeploySettings, signal: AbortSignal): Promise<Tuning> {
  const args = Object.entries(settings.parameters ?? {}).flatMap(([name, value]) => [
    '--set',
    `${name}=${value}`,
  ])
  const memoryBytes = Math.floor(settings.memoryBytes ?? memoryLimitBytes())
  args.push('--memory', String(memoryBytes))
  if (settings.cpus !== undefined) args.push('--cpus', String(settings.cpus))
  const parameters = new Map<string, string>()
  if (isSharedMemorySmall(memoryBytes)) {
    // Inside a container /dev/shm is 64 MB; memory of System V has no such limit.
    parameters.set('dynamic_shared_memory_type', 'sysv')
    args.push('--shm', String(memoryBytes))
  }
  for (const [name, value] of await runTuneScript(args, signal)) parameters.set(name, value)
  const environment = Object.fromEntries(await runTuneScript([...args, '--print', 'environment'], signal))
  return { parameters, environment }
}

function isSharedMemorySmall(memoryBytes: number): boolean {
  if (!existsSync(sharedMemoryFolder)) return false
  const { bsize, blocks } = statfsSync(sharedMemoryFolder)
  return bsize * blocks < memoryBytes * neededShare
}
