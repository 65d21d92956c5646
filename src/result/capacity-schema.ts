import { z } from 'zod'
import { metrics } from '../vectors/metric.js'
import { environmentSchema } from './schema.js'

const positive = z.number().positive()
/** The 95 % interval of an estimate, and its middle. */
const expected = z.object({ low: z.number(), middle: z.number(), high: z.number() })

export const growthPointSchema = z.object({
  rows: z.int().positive(),
  /** What was built and how it was searched. */
  params: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])),
  recall: z.number(),
  /** Of one client that waits for each answer. */
  meanMs: positive,
  p50Ms: positive,
  p95Ms: positive,
  loadMs: positive,
  buildMs: positive,
  indexBytes: positive,
  /** Queries per second of one client, and of as many as the server has processors. */
  qps: z.object({ one: positive, all: positive, clients: z.int().positive() }),
})

/** Searches of one kind among more and more rows, on one machine. */
export const growthSchema = z.object({
  path: z.string(),
  dims: z.int().positive(),
  metric: z.enum(metrics),
  k: z.int().positive(),
  /** Least recall of the searches that were measured; 1 for a path that is exact. */
  recall: z.number().positive().max(1),
  startedAt: z.string(),
  environment: environmentSchema,
  /** Of the processor's largest cache; 0 where it is unknown. */
  cacheBytes: z.number().nonnegative(),
  /** By rows, ascending. */
  points: z.array(growthPointSchema).min(3),
})

const estimateSchema = z.object({
  nodes: expected,
  /** Parts of the rows, each on a node of its own, and nodes with the same part. Of the middle. */
  shards: z.int().positive(),
  copies: z.int().positive(),
  /** What the number of shards follows from. */
  bound: z.enum(['one', 'memory', 'latency', 'throughput']),
  rowsPerNode: positive,
  /** For each node. */
  memoryBytes: expected,
  diskBytes: positive,
  loadMs: expected,
  buildMs: expected,
  /** Of a whole search, all shards asked. */
  p50Ms: expected,
  p95Ms: expected,
  /** What all nodes answer at seven tenths of their processors. */
  qps: expected,
  /** How far the rows of a node are beyond the largest that were measured. */
  beyond: positive,
})

export const capacitySchema = z.object({
  schema: z.literal('simdgres.capacity/1'),
  growth: growthSchema,
  request: z.object({
    rows: positive,
    qps: positive.optional(),
    p95Ms: positive.optional(),
    /** Of one node. */
    memoryBytes: positive,
    cpus: positive,
  }),
  /** Missing where no number of nodes does what is asked: the measurement is worth keeping. */
  estimate: estimateSchema.optional(),
  assumptions: z.array(z.string()),
})

export type GrowthPoint = z.output<typeof growthPointSchema>
export type GrowthRun = z.output<typeof growthSchema>
export type CapacityEstimate = z.output<typeof estimateSchema>
export type CapacityResult = z.output<typeof capacitySchema>
