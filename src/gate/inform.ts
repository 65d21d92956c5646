import { invalidArgument, SimdgresError, throwIfAborted } from '../errors.js'
import { type BenchRequest, runBench } from '../measure/bench.js'
import { describeMachine } from '../measure/environment.js'
import type { Control } from '../measure/experiment.js'
import { profiles } from '../measure/profiles.js'
import { pathIds } from '../paths/registry.js'
import { describeChanges } from '../report/changes.js'
import { listDifferences } from '../result/differences.js'
import { fingerprintOf } from '../result/fingerprint.js'
import type { GateResult } from '../result/gate-schema.js'
import { readResult } from '../result/result-file.js'
import type { BenchResult } from '../result/schema.js'
import { targetChoices } from '../targets/choose.js'
import { type ArmSpec, nameArm, type ResultBase } from './arm-spec.js'

const whyNot =
  'The base was measured at another time, so nobody can tell a change of the code from one of the machine. ' +
  'A base that judges is measured beside the head: --base git:REF.'

/**
 * Measures the head as the result of `base` was measured, and shows both. It judges nothing, whatever they say.
 * @throws ERR_INVALID_ARGUMENT for a result of another machine, or one that does not say what was asked.
 */
export async function informByResult(
  base: ResultBase,
  head: ArmSpec,
  control: Control,
): Promise<Pick<GateResult, 'verdict' | 'reason' | 'informs' | 'dataset' | 'metrics'>> {
  const before = await readBase(base)
  const { result: now } = await runBench(readRequest(base, before, head), control)
  if (!now.isComplete) throwIfAborted(control.signal)
  const compared = { before, now }
  const { name, rows, dims, metric, k, sha256 } = now.dataset
  return {
    verdict: 'not judged',
    reason: whyNot,
    informs: [...listDifferences(compared), ...describeChanges(compared)],
    dataset: { name, rows, dims, metric, k, sha256 },
    metrics: [],
  }
}

async function readBase({ file }: ResultBase): Promise<BenchResult> {
  const before = await readResult(file).catch((error: unknown) => {
    if (error instanceof SimdgresError) throw error
    throw new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      `${file} cannot be read: ${(error as Error).message}`,
      'Pass --base result:FILE a result of simdgres bench --json.',
      { cause: error },
    )
  })
  const { cpu, cores, memoryBytes } = await describeMachine()
  if (before.machine.fingerprint === fingerprintOf({ cpu, cores, memoryBytes })) return before
  const { environment } = before
  throw new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    `${file} is from another machine (${environment.cpu}, ${environment.cores} cores; this is ${cpu}, ${cores} cores), so it is ` +
      'refused as a judge of this one',
    'Measure both versions here: --base git:REF.',
  )
}

/** What was asked then, of the head. */
function readRequest({ file }: ResultBase, { request }: BenchResult, head: ArmSpec): BenchRequest {
  if (request === undefined) {
    throw new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      `${file} does not say what it was asked for: an early version wrote it`,
      'Measure it again: simdgres bench --json FILE.',
    )
  }
  if (head.kind !== 'work-tree') {
    throw invalidArgument('--head', 'work-tree beside a base that is a result', nameArm(head))
  }
  const { profile, server, paths, target, rows, metric, queries, designs, builds, url, ...rest } = request
  const { parameters, ...limits } = server
  const own = { ...parameters, ...head.parameters }
  const known = pathIds.filter((id) => paths.includes(id))
  return {
    ...rest,
    profile: { ...profiles[0]!, ...profile },
    paths: known,
    target: targetChoices.find((choice) => choice === target) ?? 'auto',
    settings: { ...definedOf(limits), ...(Object.keys(own).length > 0 && { parameters: own }) },
    ...definedOf({ rows, metric, queries, builds, url }),
    ...(designs && { designs }),
  } as BenchRequest
}

/** Without what JSON has left out. */
function definedOf<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>
}
