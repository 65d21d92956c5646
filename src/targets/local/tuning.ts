import { existsSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { SimdgresError } from '../../errors.js'
import { packageRoot } from '../../system/cache-folder.js'
import { runCommand } from '../../system/command.js'
import { memoryLimitBytes } from '../../system/memory-limit.js'
import type { DeploySettings } from '../target.js'

/** The script the image's entry point uses too: both targets are tuned by the same arithmetic. */
const script = join(packageRoot, 'docker', 'postgres', 'tune.sh')

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
  for (const [name, value] of await runTuning(args, signal)) parameters.set(name, value)
  const environment = Object.fromEntries(await runTuning([...args, '--print', 'environment'], signal))
  return { parameters, environment }
}

function isSharedMemorySmall(memoryBytes: number): boolean {
  if (!existsSync(sharedMemoryFolder)) return false
  const { bsize, blocks } = statfsSync(sharedMemoryFolder)
  return bsize * blocks < memoryBytes * neededShare
}

async function runTuning(args: readonly string[], signal: AbortSignal): Promise<[string, string][]> {
  try {
    const output = await runCommand('bash', [script, ...args], {
      purpose: 'Computing the server parameters',
      hint: 'Correct the setting that the last line names.',
      signal,
    })
    return output
      .trim()
      .split('\n')
      .map((line) => {
        const at = line.indexOf('=')
        return [line.slice(0, at), line.slice(at + 1)]
      })
  } catch (error) {
    // The script runs everywhere bash does: what it refuses is a value.
    if (!(error instanceof SimdgresError) || error.code !== 'ERR_UNAVAILABLE') throw error
    throw new SimdgresError('ERR_INVALID_ARGUMENT', error.message, error.hint, { cause: error })
  }
}
