import type { PreparedArm } from '../measure/arm.js'
import { describeMachine } from '../measure/environment.js'
import type { Experiment } from '../measure/experiment.js'
import { paramsOf } from '../measure/lane/lane.js'
import type { LaneRecord } from '../measure/lane/lane-run.js'
import { summariseLane } from '../measure/summarise.js'
import { fingerprintOf } from '../result/fingerprint.js'
import type { TunePoint, TuneResult } from '../result/tune-schema.js'
import { Random } from '../stats/random.js'
import type { KnobValues, Point } from './points.js'

const bootstrapStream = 3

/** What a point was searched in, for its row. */
export interface PointFacts {
  readonly design: TunePoint['design']
  readonly variant: TunePoint['variant']
}

export function failedPoint(point: Point, reason: string, facts?: PointFacts): TunePoint {
  return { ...point, design: point.design, variant: {}, ...facts, status: 'failed', reason }
}

/** @throws ERR_CHECK_FAILED where a path found nearer neighbours than the true ones. */
export function summarisePoint(
  point: Point,
  record: LaneRecord,
  { dataset, truth }: Experiment,
  seed: number,
): TunePoint {
  const { design } = record.lane.corpus
  const knobs = new Set([...Object.keys(point.session), ...Object.keys(point.server), 'planner', 'heat'])
  const variant = Object.fromEntries(
    Object.entries(paramsOf(record.lane)).filter(([name]) => !knobs.has(name) && !(name in design)),
  )
  // The bandwidth is one of scan rates, which a tuner does not show.
  const random = new Random(seed, bootstrapStream)
  const row = summariseLane(record, { dataset, truth, random, readBandwidthGBps: 1 })
  const facts = { design: { ...design }, variant }
  if (row.status !== 'ok') return failedPoint(point, row.reason, facts)
  const { qps, latencyMs, recall, calls, plan } = row
  const { p50, p95, p99, mean, ci95 } = { p95: undefined, p99: undefined, ...latencyMs }
  return {
    ...point,
    ...facts,
    status: 'ok',
    qps,
    latencyMs: { p50, ...(p95 !== undefined && { p95 }), ...(p99 !== undefined && { p99 }), mean, ci95 },
    ...(recall && { recall: { mean: recall.mean, ci95: recall.ci95 } }),
    calls,
    ...(plan && {
      plan: {
        nodes: plan.nodes,
        ...(plan.workersPlanned !== undefined && { workersPlanned: plan.workersPlanned }),
        workersLaunched: plan.workersLaunched,
        buffers: plan.buffers,
      },
    }),
  }
}

/** What is known of a run before its points are. */
export async function describeTune(
  experiment: Experiment,
  arm: PreparedArm,
): Promise<Pick<TuneResult, 'schema' | 'machine' | 'environment' | 'dataset'>> {
  const machine = await describeMachine()
  return {
    schema: 'simdgres.tune/1',
    machine: { fingerprint: fingerprintOf(machine) },
    environment: { ...machine, ...arm.environment },
    dataset: experiment.describeDataset(),
  }
}

export function describeKnobs(knobs: readonly KnobValues[]): TuneResult['knobs'] {
  return knobs.map(({ knob: { name, class: kind, unit, why, source }, values }) => ({
    ...{ name, class: kind, unit, why, source },
    values: [...values],
  }))
}

/** What could not be loaded or built, a sentence each. */
export function describeRefusals({ refusals }: PreparedArm): string[] {
  return refusals.flatMap((row) =>
    row.status === 'ok' ? [] : [`${row.id} cannot be tuned here: ${row.reason}`],
  )
}
