import { z } from 'zod'
import { pathIds } from '../paths/search-path.js'
import { metrics } from '../vectors/metric.js'

/** The 95 % bootstrap interval [low, high] of an estimate. */
const interval = z.tuple([z.number(), z.number()])

const knob = z.union([z.number(), z.string(), z.boolean()])
const params = z.record(z.string(), knob)

export const environmentSchema = z.object({
  cpu: z.string(),
  isa: z.string(),
  cores: z.int().positive(),
  memoryBytes: z.number().positive(),
  kernel: z.string(),
  node: z.string(),
  commit: z.string(),
  target: z.enum(['docker', 'local', 'url', 'none']),
  postgres: z.string().optional(),
  pgvector: z.string().optional(),
  /** Version and instruction set of the extension in the server. */
  extension: z.string().optional(),
  extensionIsa: z.string().optional(),
  /** What the server's container may use at most; without one, the whole machine. */
  limits: z.object({ cpus: z.number(), memoryBytes: z.number() }).optional(),
  /** Server parameters that matter here, as the sessions of the paths have them. */
  settings: z.record(z.string(), z.string()),
  /** Sequential read bandwidth of one thread, 10^9 bytes/s: the median over the rounds of this run. */
  readBandwidthGBps: z.number().positive(),
})

export const measurementSchema = z.object({
  id: z.enum(pathIds),
  params,
  exact: z.boolean(),
  status: z.literal('ok'),
  load: z.object({ ms: z.number(), rowsPerSecond: z.number() }).optional(),
  index: z.object({ buildMs: z.number(), bytes: z.number() }).optional(),
  /** Over the distinct queries that were run. Missing for `null`, which does no search. */
  recall: z.object({ mean: z.number(), ci95: interval }).optional(),
  /** Per query; a batch's time is divided by its size. `ci95` is the interval of the mean. */
  latencyMs: z.object({
    p50: z.number(),
    p95: z.number(),
    p99: z.number(),
    mean: z.number(),
    ci95: interval,
    percentilesCi95: z.object({ p50: interval, p95: interval, p99: interval }),
  }),
  /** One client that asks again when it has its answer (closed loop): 1 / mean latency. */
  qps: z.object({ value: z.number(), ci95: interval }),
  /** Queries that were timed, in how many calls, and how many of them were different ones. */
  queries: z.int().positive(),
  calls: z.int().positive(),
  distinctQueries: z.int().positive(),
  /**
   * Exact paths: bytes of f32 vectors a query has to look at, per second of its median latency, and its ratio to
   * the read bandwidth of one thread.
   */
  scan: z.object({ gbps: z.number(), ofReadBandwidth: z.number() }).optional(),
  /** EXPLAIN, for paths inside the server. */
  plan: z.string().optional(),
})

export const unavailableSchema = z.object({
  id: z.enum(pathIds),
  params,
  exact: z.boolean(),
  status: z.literal('unavailable'),
  /** Why, and the next step. */
  reason: z.string(),
})

/** Two rows that were measured in the same rounds under the same settings. */
export const comparisonSchema = z.object({
  path: z.enum(pathIds),
  baseline: z.enum(pathIds),
  params,
  /** Mean latency of `baseline` over that of `path`, paired by round: above 1, `path` is faster. */
  speedup: z.object({ value: z.number(), ci95: interval }),
  /** Rounds in which both were measured. */
  rounds: z.int().positive(),
})

export const resultSchema = z.object({
  schema: z.literal('simdgres.bench/1'),
  startedAt: z.string(),
  durationMs: z.number(),
  profile: z.string(),
  seed: z.int(),
  environment: environmentSchema,
  dataset: z.object({
    name: z.string(),
    synthetic: z.boolean(),
    rows: z.int().positive(),
    dims: z.int().positive(),
    metric: z.enum(metrics),
    queries: z.int().positive(),
    k: z.int().positive(),
    sha256: z.string(),
  }),
  paths: z.array(z.discriminatedUnion('status', [measurementSchema, unavailableSchema])),
  comparisons: z.array(comparisonSchema),
  /** What the server used from its start to the end of the measurements; missing where nobody can know. */
  server: z.object({ memoryPeakBytes: z.number(), cpuSeconds: z.number() }).optional(),
  warnings: z.array(z.string()),
  /** Name of the file beside this one that holds every raw sample. */
  samples: z.string().optional(),
})

export type BenchResult = z.infer<typeof resultSchema>
export type Measurement = z.infer<typeof measurementSchema>
export type Unavailable = z.infer<typeof unavailableSchema>
export type Comparison = z.infer<typeof comparisonSchema>
export type Environment = z.infer<typeof environmentSchema>
