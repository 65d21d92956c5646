import { z } from 'zod'
import { datasetSchema, environmentSchema } from './schema.js'

const interval = z.tuple([z.number(), z.number()])
const settings = z.record(z.string(), z.string())
const knobs = z.record(z.string(), z.union([z.number(), z.string(), z.boolean()]))

/** One setting of all knobs on one path under one load: what tells it from all others. */
const point = {
  path: z.string(),
  /** What was built; what it leaves out is the path's own. */
  design: knobs,
  /** Server parameters that a restart has set, beside the present ones. */
  server: settings,
  /** Server parameters of its sessions. */
  session: settings,
  /** Of the path: how its recall was reached. */
  variant: knobs,
  clients: z.int().positive(),
}

export const tunePointSchema = z.discriminatedUnion('status', [
  z.object({
    ...point,
    status: z.literal('ok'),
    /** Queries per second of all clients together. */
    qps: z.object({ value: z.number(), ci95: interval }),
    /** p95 from 200 calls on, p99 from 1,000. */
    latencyMs: z.object({
      p50: z.number(),
      p95: z.number().optional(),
      p99: z.number().optional(),
      mean: z.number(),
      ci95: interval,
    }),
    recall: z.object({ mean: z.number(), ci95: interval }).optional(),
    calls: z.int().positive(),
    plan: z
      .object({
        nodes: z.array(z.string()),
        workersPlanned: z.int().nonnegative().optional(),
        workersLaunched: z.int().nonnegative(),
        /** Pages of 8 KiB of one query. */
        buffers: z.object({ hit: z.int().nonnegative(), read: z.int().nonnegative() }),
      })
      .optional(),
  }),
  z.object({
    ...point,
    status: z.literal('failed'),
    /** Why, in the server's own words where it has some. */
    reason: z.string(),
  }),
])

const knobSchema = z.object({
  name: z.string(),
  class: z.enum(['session', 'restart', 'design']),
  unit: z.string(),
  values: z.array(z.string()),
  why: z.string(),
  source: z.string(),
})

/** A value of a knob against the mean of all its values, other knobs alike. */
export const effectSchema = z.object({
  path: z.string(),
  clients: z.int().positive(),
  knob: z.string(),
  value: z.string(),
  /** Geometric mean of its throughputs over that of all. */
  ratio: z.number(),
})

/** How much of what differs between the points of a path is one knob's doing: a share of the variance of log throughput. */
export const importanceSchema = z.object({
  path: z.string(),
  clients: z.int().positive(),
  knob: z.string(),
  share: z.number(),
})

/** Base `present`, unless it says another. */
const comparisonSchema = z.object({
  name: z.string(),
  ...point,
  /** How many times as fast as the present setting, with its 95 % interval over all blocks. */
  speedUp: z.number(),
  ci95: interval,
  blocks: z.int(),
  /** Of `decide`, the gate's: `improved` is said where two deployments agree. */
  outcome: z.enum(['ok', 'improved', 'regressed', 'inconclusive']),
  p: z.number().optional(),
  recall: z.object({ mean: z.number(), ci95: interval }).optional(),
  reason: z.string().optional(),
})

const recommendationSchema = z.object({
  /** False: nothing was shown to be faster than what is there. */
  isChange: z.boolean(),
  winner: z.string().optional(),
  settings: z.array(
    z.object({
      name: z.string(),
      present: z.string(),
      recommended: z.string(),
      /** Of this one alone, on fresh servers: where it is the one change. */
      speedUp: z.number().optional(),
      ci95: interval.optional(),
    }),
  ),
})

/** Validates the JSON file of `simdgres tune --json`. */
export const tuneSchema = z.object({
  schema: z.literal('simdgres.tune/1'),
  mode: z.enum(['grid', 'search']),
  startedAt: z.string(),
  durationMs: z.number(),
  /** False where the run was stopped: some points are missing. */
  isComplete: z.boolean(),
  seed: z.int(),
  goal: z.enum(['qps', 'p95']).optional(),
  recallTarget: z.number(),
  machine: z.object({ fingerprint: z.string() }),
  environment: environmentSchema.omit({ readBandwidthGBps: true }),
  dataset: datasetSchema,
  knobs: z.array(knobSchema),
  points: z.array(tunePointSchema),
  effects: z.array(effectSchema),
  importance: z.array(importanceSchema),
  /** What each stage of a search has compared, and what came of it. */
  stages: z
    .array(
      z.object({
        stage: z.string(),
        incumbent: z.string(),
        challengers: z.array(
          z.object({
            name: z.string(),
            speedUp: z.number().optional(),
            ci95: interval.optional(),
            blocks: z.int(),
            fate: z.string(),
          }),
        ),
      }),
    )
    .optional(),
  confirmation: z.array(comparisonSchema).optional(),
  recommendation: recommendationSchema.optional(),
  cost: z.object({
    deployments: z.int(),
    restarts: z.int(),
    restartMs: z.number(),
    measureMs: z.number(),
    measurements: z.int(),
  }),
  warnings: z.array(z.string()),
})

export type TuneResult = z.infer<typeof tuneSchema>
export type TunePoint = z.infer<typeof tunePointSchema>
export type MeasuredPoint = Extract<TunePoint, { status: 'ok' }>
export type TuneComparison = z.infer<typeof comparisonSchema>
export type Recommendation = z.infer<typeof recommendationSchema>
export type TuneStage = NonNullable<TuneResult['stages']>[number]
export type Effect = z.infer<typeof effectSchema>
export type Importance = z.infer<typeof importanceSchema>
