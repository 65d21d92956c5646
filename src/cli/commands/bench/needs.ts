import { SimdgresError } from '../../../errors.js'
import { needServer } from '../../../paths/registry.js'
import type { TargetChoice } from '../../../targets/choose.js'
import { sharedOptions } from '../../options/command.js'
import { parseOptions, readFlag, readText } from '../../options/option-table.js'
import { bench } from '../bench.js'
import { describePlan } from './plan.js'
import { readBenchRequest } from './request.js'
import { readTableRequest } from './table-request.js'

/** What has to be on this machine before `simdgres bench` is started: setup installs or builds it. */
export interface BenchNeeds {
  readonly addon: boolean
  /** A PostgreSQL with server headers. */
  readonly server: boolean
}

const nothing: BenchNeeds = { addon: false, server: false }

/**
 * What `simdgres bench` needs for these arguments: nothing if it would only print something or refuse them. It says
 * itself what is wrong with them, and nobody should have to wait for a compiler to read that.
 */
export async function findBenchNeeds(
  args: readonly string[],
  isEngineUp: () => Promise<boolean> = askEngine,
): Promise<BenchNeeds> {
  try {
    const given = parseOptions(args, [...bench.options, ...sharedOptions], 'simdgres bench')
    if (readFlag(given.options, 'help') || readFlag(given.options, 'dry-run')) return nothing
    // A table is searched where it is; the addon computes recalls and the bandwidth.
    if (readText(given.options, 'table') !== undefined) {
      readTableRequest(given)
      return { addon: true, server: false }
    }
    const request = readBenchRequest(given)
    // Checks the name of the data set, which reading the options does not.
    describePlan(request)
    return { addon: true, server: needServer(request.paths) && (await isLocal(request.target, isEngineUp)) }
  } catch (error) {
    if (error instanceof SimdgresError) return nothing
    throw error
  }
}

async function isLocal(target: TargetChoice, isEngineUp: () => Promise<boolean>): Promise<boolean> {
  return target === 'local' || (target === 'auto' && !(await isEngineUp()))
}

async function askEngine(): Promise<boolean> {
  const { DockerTarget } = await import('../../../targets/docker/docker-target.js')
  return DockerTarget.isEngineUp()
}
