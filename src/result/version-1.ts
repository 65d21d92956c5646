import { z } from 'zod'
import { fingerprintOf } from './fingerprint.js'
import { leastCallsFor } from './percentiles.js'
import { type BenchResult, environmentSchema, resultSchema, unavailableSchema } from './schema.js'

const interval = z.tuple([z.number(), z.number()])
const params = unavailableSchema.shape.params

const measurement = z.object({
  id: z.string(),
  params,
  exact: z.boolean(),
  status: z.literal('ok'),
  load: z.object({ ms: z.number(), rowsPerSecond: z.number() }).optional(),
  index: z.object({ buildMs: z.number(), bytes: z.number() }).optional(),
  recall: z.object({ mean: z.number(), ci95: interval }).optional(),
  latencyMs: z.object({
    p50: z.number(),
    p95: z.number(),
    p99: z.number(),
    mean: z.number(),
    ci95: interval,
    percentilesCi95: z.object({ p50: interval, p95: interval, p99: interval }),
  }),
  qps: z.object({ value: z.number(), ci95: interval }),
  queries: z.int().positive(),
  calls: z.int().positive(),
  distinctQueries: z.int().positive(),
  scan: z.object({ gbps: z.number(), ofReadBandwidth: z.number() }).optional(),
})

/** What version 0.1 wrote: one client on one server, and percentiles of however few calls there were. */
export const resultSchema1 = resultSchema.omit({ isComplete: true, request: true, machine: true }).extend({
  schema: z.literal('simdgres.bench/1'),
  environment: environmentSchema,
  paths: z.array(z.discriminatedUnion('status', [measurement, unavailableSchema.omit({ arm: true })])),
  comparisons: z.array(
    z.object({
      path: z.string(),
      baseline: z.string(),
      params,
      /** Mean latency of `baseline` over that of `path`. */
      speedup: z.object({ value: z.number(), ci95: interval }),
      rounds: z.int().positive(),
    }),
  ),
})

type Result1 = z.infer<typeof resultSchema1>
type Measurement1 = z.infer<typeof measurement>

/** The only arm of a run that had no others. */
const arm = 'bench'

/** As version 2 says it. What version 1 did not know is missing; its plans are, because they were not those that ran. */
export function convertResult1(old: Result1): BenchResult {
  return {
    ...old,
    schema: 'simdgres.bench/2',
    isComplete: true,
    machine: { fingerprint: fingerprintOf(old.environment) },
    paths: old.paths.map((row) => (row.status === 'ok' ? convertRow(row) : { ...row, arm })),
    comparisons: old.comparisons.map(({ path, baseline, params, speedup, rounds }) => ({
      metric: 'meanLatency',
      subject: { id: path, arm, params },
      baseline: { id: baseline, arm, params },
      ratio: 1 / speedup.value,
      ci95: [1 / speedup.ci95[1], 1 / speedup.ci95[0]],
      pairs: rounds,
    })),
  }
}

function convertRow({ load, index, latencyMs, ...row }: Measurement1): BenchResult['paths'][number] {
  const shown = (p: number) => row.calls >= leastCallsFor(p)
  const { p50, p95, p99, mean, ci95, percentilesCi95: intervals } = latencyMs
  return {
    ...row,
    arm,
    load: { kind: 'closed', clients: 1 },
    settings: {},
    ...(load && { loading: load }),
    ...(index && { indexBuild: { ms: index.buildMs, bytes: index.bytes, build: 1 } }),
    latencyMs: {
      p50,
      ...(shown(95) && { p95 }),
      ...(shown(99) && { p99 }),
      mean,
      ci95,
      percentilesCi95: {
        p50: intervals.p50,
        ...(shown(95) && { p95: intervals.p95 }),
        ...(shown(99) && { p99: intervals.p99 }),
      },
      averagedOver: Math.round(row.queries / row.calls),
    },
  }
}
