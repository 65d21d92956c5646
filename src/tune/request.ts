import { createHash } from 'node:crypto'
import type { Question } from '../measure/experiment.js'
import type { PathId } from '../paths/search-path.js'
import type { TargetChoice } from '../targets/choose.js'
import type { DeploySettings } from '../targets/target.js'
import type { KnobValues } from './points.js'

export type Goal = 'qps' | 'p95'

/** What both modes are asked. */
export interface TuneRequest extends Question {
  readonly paths: readonly PathId[]
  readonly target: TargetChoice
  /** The present settings: all that is measured is measured against them. */
  readonly settings: DeploySettings
  /** Approximate paths are searched in the variant that reaches it. */
  readonly recall: number
}

export interface GridRequest extends TuneRequest {
  readonly mode: 'grid'
  readonly knobs: readonly KnobValues[]
  readonly clients: readonly number[]
  /** Time of a point, all rounds together. */
  readonly pointMs: number
  readonly rounds: number
}

export interface SearchRequest extends TuneRequest {
  readonly mode: 'search'
  readonly knobs: readonly KnobValues[]
  readonly clients: number
  readonly goal: Goal
  /** Time to measure; deployments, loading and restarts come on top. */
  readonly budgetMs: number
}

/** The same for the same command: a run that was killed is known again by it. */
export function nameRequest(request: GridRequest | SearchRequest): string {
  const knobs = request.knobs.map(({ knob, values }) => [knob.name, values])
  return createHash('sha256')
    .update(JSON.stringify({ ...request, knobs }))
    .digest('hex')
    .slice(0, 32)
}

/** Seconds that a restart takes with warming the tables, and a deployment with a small table: as measured on two cores. */
const restartMs = 15_000
const warmUpLimitMs = 500

export const warmUpMs = warmUpLimitMs

/** Time of a grid, without loading and index builds. */
export function expectGridMs(points: number, servers: number, pointMs: number): number {
  return points * (pointMs + 2 * warmUpLimitMs) + servers * restartMs
}
