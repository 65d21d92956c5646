import { z } from 'zod'
import { metrics } from '../vectors/metric.js'
import { coldSchema, costSchema, insertingSchema } from './row-studies.js'

/** [low, high] of an estimate at 95 % confidence. */
const interval = z.tuple([z.number(), z.number()])

const knob = z.union([z.number(), z.string(), z.boolean()])
const params = z.record(z.string(), knob)
const settings = z.record(z.string(), z.string())

/** What tells two machines apart whose figures cannot be compared. */
const machineSchema = z.object({
  /** The same for runs on one machine: of processor, cores and memory. */
  fingerprint: z.string(),
})

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
  /** Server parameters that matter here, as all sessions have them. What a row's sessions force is in the row. */
  settings,
  /** Sequential read bandwidth of one thread, 10^9 bytes/s: the mean of before and after the measurements. */
  readBandwidthGBps: z.number().positive(),
})

/** What was asked for, so that it can be run again. No password is in it. */
export const requestSchema = z.object({
  profile: z.object({
    name: z.string(),
    rounds: z.int().positive(),
    budgetMs: z.number().positive(),
    maxQueries: z.int().positive(),
    warmUpMs: z.number().nonnegative(),
  }),
  dataset: z.string(),
  /** Of a table that was searched where it is: its columns, and the condition on its rows. */
  table: z.object({ id: z.string(), vector: z.string().optional(), where: z.string().optional() }).optional(),
  /** All rows of the table were copied into this process as well. */
  fetch: z.boolean().optional(),
  rows: z.int().positive().optional(),
  metric: z.enum(metrics).optional(),
  queries: z.int().positive().optional(),
  /** Files of queries, and of the nearest rows of each. */
  queriesFile: z.string().optional(),
  truthFile: z.string().optional(),
  k: z.int().positive(),
  seed: z.int(),
  paths: z.array(z.string()),
  /** What was built for a path instead of its usual designs. */
  designs: z.record(z.string(), z.array(params)).optional(),
  /** Per cent of the rows that searches were limited to, by turns. */
  filters: z.array(z.number()).optional(),
  /** Clients of closed loops, and arrivals per second of open ones, that every row was measured under; one client if missing. */
  clients: z.array(z.int().positive()).optional(),
  rates: z.array(z.number().positive()).optional(),
  /** How often the server was restarted for each table and index. */
  cold: z.int().positive().optional(),
  /** Rows per second that were inserted during further searches. */
  whileInserting: z.number().positive().optional(),
  threads: z.int().positive(),
  /** How often approximate indexes are built; once if missing. */
  builds: z.int().positive().optional(),
  target: z.string(),
  url: z.string().optional(),
  server: z.object({
    memoryBytes: z.number().optional(),
    cpus: z.number().optional(),
    parameters: settings.optional(),
    pgMajor: z.number().optional(),
    port: z.number().optional(),
    isa: z.string().optional(),
  }),
})

/** Of every row, measured or not. */
const row = {
  /** Name of the path; other versions know others. */
  id: z.string(),
  /** The side of a comparison that it belongs to. */
  arm: z.string(),
  /** What was built and how it was searched: with `id` and `arm` it names the row. */
  params,
  exact: z.boolean(),
}

const loadShape = z.discriminatedUnion('kind', [
  /** Clients that each ask again when they have their answer. */
  z.object({ kind: z.literal('closed'), clients: z.int().positive() }),
  /** Arrivals at random, whether or not earlier ones have their answer; a latency counts from the arrival. */
  z.object({
    kind: z.literal('open'),
    /** Per second. */
    rate: z.number().positive(),
    /** Connections that serve the arrivals. */
    clients: z.int().positive(),
    /** How late the generator was with them. */
    lag: z.object({ p99Ms: z.number() }),
    /** The share of the arrivals that no connection had begun with when the last one of their round came. */
    waiting: z.number(),
  }),
])

/** A percentile stands only where at least ten calls lie beyond it: p95 from 200 calls on, p99 from 1,000. */
const percentiles = <T extends z.ZodType>(value: T) =>
  z.object({ p50: value, p95: value.optional(), p99: value.optional() })

export const measurementSchema = z.object({
  ...row,
  status: z.literal('ok'),
  load: loadShape,
  /** Every server parameter that the row's sessions force, and every storage parameter of its table. */
  settings,
  /** Getting the vectors into the table, or into this process. */
  loading: z
    .object({
      ms: z.number(),
      rowsPerSecond: z.number(),
      /** Of a table: bytes of vectors that do not lie in their rows. */
      outOfLineBytes: z.number().nonnegative().optional(),
    })
    .optional(),
  indexBuild: z
    .object({
      ms: z.number(),
      bytes: z.number(),
      peakMemoryBytes: z.number().optional(),
      /** Which of several builds of the same index it is, from 1. */
      build: z.int().positive(),
    })
    .optional(),
  /** Over the distinct queries that were run. Missing for `null`, which does no search. */
  recall: z
    .object({
      mean: z.number(),
      ci95: interval,
      /** What the interval is over. Another build of an approximate index has another recall: see `builds`. */
      covers: z.enum(['queries', 'queries of one build']).optional(),
    })
    .optional(),
  /** Rows that a search returned, on average, where they were fewer than k. */
  returned: z.number().nonnegative().optional(),
  /** Of an index that was built several times: the least and the most of all its builds, this row's among them. */
  builds: z
    .object({ count: z.int().positive(), recall: interval, p50Ms: interval, buildMs: interval })
    .optional(),
  /** Why the path cannot answer rightly on this data, and the next step. */
  caveat: z.string().optional(),
  /** Per query. `ci95` is the interval of the mean. */
  latencyMs: percentiles(z.number()).extend({
    mean: z.number(),
    ci95: interval,
    percentilesCi95: percentiles(interval),
    /** Queries of one call. Above 1 a sample is the call's time divided by it: percentiles are ones of averages. */
    averagedOver: z.int().positive(),
  }),
  /** Queries answered per second by all clients together. */
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
  /** EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) of the statement that was measured; buffers are pages of 8 KiB. */
  plan: z
    .object({
      nodes: z.array(z.string()),
      /** Missing in what earlier versions wrote. */
      workersPlanned: z.int().nonnegative().optional(),
      /** Fewer than planned where other sessions had the server's workers at that moment. */
      workersLaunched: z.int().nonnegative(),
      buffers: z.object({ hit: z.int().nonnegative(), read: z.int().nonnegative() }),
      /** Expressions were compiled for the execution. */
      compilesJit: z.boolean().optional(),
      /** A subquery was run before the search. */
      hasSubquery: z.boolean().optional(),
      /** How the query vector comes to the server: its SQL type, and how it is written on the wire. */
      queryVector: z.object({ type: z.string(), encoding: z.enum(['binary', 'text']) }).optional(),
      text: z.string(),
    })
    .optional(),
  /** Of rows of one client in a server. */
  cost: costSchema.optional(),
  /** Where `--cold` was asked for: of one row for each table and index. */
  cold: coldSchema.optional(),
  /** Where `--while-inserting` was asked for: of one row for each table and index. */
  inserting: insertingSchema.optional(),
})

/** A path that cannot run here. */
export const unavailableSchema = z.object({
  ...row,
  status: z.literal('unavailable'),
  /** Why, and the next step. */
  reason: z.string(),
})

/** A path or a row that began and did not get to its end; the others did. */
export const failedSchema = z.object({
  ...row,
  status: z.literal('failed'),
  /** Why, and the next step. */
  reason: z.string(),
})

const rowName = z.object({
  id: z.string(),
  arm: z.string(),
  params,
  /** Of a closed loop; one if missing. */
  clients: z.int().positive().optional(),
})

/** Two rows that were measured in the same rounds or blocks under the same settings. */
export const comparisonSchema = z.object({
  /** `meanLatency`: mean time per query. Other versions know others. */
  metric: z.string(),
  subject: rowName,
  baseline: rowName,
  /** The subject's figure over that of the baseline, paired by round. */
  ratio: z.number(),
  ci95: interval,
  /** Rounds or blocks in which both were measured. */
  pairs: z.int().positive(),
  /** One-sided, before and after it was adjusted for all comparisons of the run; where a gate has judged. */
  p: z.number().optional(),
  pAdjusted: z.number().optional(),
  verdict: z.enum(['ok', 'improved', 'regressed', 'inconclusive', 'not comparable']).optional(),
})

/** The vectors that were searched, and for how many neighbours. */
export const datasetSchema = z.object({
  name: z.string(),
  synthetic: z.boolean(),
  rows: z.int().positive(),
  dims: z.int().positive(),
  metric: z.enum(metrics),
  queries: z.int().positive(),
  k: z.int().positive(),
  sha256: z.string(),
})

/** Validates the JSON file of `simdgres bench --json`. */
export const resultSchema = z.object({
  schema: z.literal('simdgres.bench/2'),
  startedAt: z.string(),
  durationMs: z.number(),
  /** False where the run was stopped: rows have fewer queries than were asked for. */
  isComplete: z.boolean(),
  profile: z.string(),
  seed: z.int(),
  /** Missing in what was converted from `simdgres.bench/1`. */
  request: requestSchema.optional(),
  machine: machineSchema,
  environment: environmentSchema,
  dataset: datasetSchema,
  paths: z.array(z.discriminatedUnion('status', [measurementSchema, unavailableSchema, failedSchema])),
  comparisons: z.array(comparisonSchema),
  /** What the server used from its start to the end of the measurements; missing where nobody can know. */
  server: z.object({ memoryPeakBytes: z.number(), cpuSeconds: z.number() }).optional(),
  warnings: z.array(z.string()),
  /** Name of the file beside this one that holds every raw sample. */
  samples: z.string().optional(),
})

/** A result file of `simdgres bench`, as `resultSchema` reads it. */
export type BenchResult = z.infer<typeof resultSchema>
export type ResultRow = BenchResult['paths'][number]
export type Measurement = z.infer<typeof measurementSchema>
export type Unavailable = z.infer<typeof unavailableSchema>
export type Failed = z.infer<typeof failedSchema>
export type Comparison = z.infer<typeof comparisonSchema>
export type Environment = z.infer<typeof environmentSchema>
