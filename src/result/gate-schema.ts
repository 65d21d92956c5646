import { z } from 'zod'

const interval = z.tuple([z.number(), z.number()])

/** What one stage observed of a metric. Of times, logarithms of head / base. */
const evidenceSchema = z.union([
  /** Of blocks. */
  z.array(z.number()),
  z.object({ by: z.literal('build pair'), effects: z.array(z.number()) }),
  z.object({
    by: z.literal('build'),
    base: z.array(z.number()),
    head: z.array(z.number()),
    resolution: z.number(),
  }),
])

/** One side of a comparison. */
const armSchema = z.object({
  /** As on the command line, without a password. */
  spec: z.string(),
  /** Of a checkout: 40 hex digits. */
  commit: z.string().optional(),
  postgres: z.string().optional(),
  pgvector: z.string().optional(),
  extension: z.string().optional(),
})

export const gateMetricSchema = z.object({
  /** Path and settings. */
  subject: z.string(),
  /** `time`: that of a query. `recall`: of an approximate path, over the queries that all its builds were asked. */
  metric: z.string(),
  outcome: z.enum(['ok', 'improved', 'regressed', 'inconclusive']),
  /** `ratio`: head / base - 1, above 0 is slower. `difference`: head - base, below 0 is a loss. */
  unit: z.enum(['ratio', 'difference']),
  change: z.number(),
  /** Missing where a single build was measured. */
  ci95: interval.optional(),
  /** Means over builds. */
  values: z.object({ base: z.number(), head: z.number() }).optional(),
  /** One-sided; missing where too few blocks were measured. */
  p: z.number().optional(),
  pAdjusted: z.number().optional(),
  /** What counts as one observation: builds, where they differ whatever the code. */
  observedBy: z.enum(['block', 'build']),
  /** Of each stage. */
  observations: z.array(z.int().nonnegative()),
  /** What was decided upon: a study of the error rates replays it. */
  evidence: z.array(evidenceSchema),
  /** Standard deviation of log ratios, or of the recalls of the base's builds; missing for one of them. */
  spread: z.number().optional(),
  /** Both arms share it down to the last byte: it must not differ. */
  isControl: z.boolean(),
  reason: z.string().optional(),
})

/** What must be the same whatever the machine does. */
export const gateCheckSchema = z.object({
  subject: z.string(),
  check: z.enum(['plan', 'workers launched', 'index bytes', 'recall of an exact path']),
  base: z.string(),
  head: z.string(),
  outcome: z.enum(['changed', 'regressed']),
})

export const gateResultSchema = z.object({
  schema: z.literal('simdgres.gate/1'),
  /** `not judged`: the base was a result of before. */
  verdict: z.enum(['ok', 'improved', 'regressed', 'inconclusive', 'not comparable', 'not judged']),
  /** Why nothing, or no more, can be said. */
  reason: z.string().optional(),
  startedAt: z.string(),
  durationMs: z.number(),
  seed: z.int(),
  machine: z.object({ fingerprint: z.string() }),
  /** Missing where nothing was measured. */
  dataset: z
    .object({
      name: z.string(),
      rows: z.int(),
      dims: z.int(),
      metric: z.string(),
      k: z.int(),
      sha256: z.string(),
    })
    .optional(),
  arms: z.object({ base: armSchema, head: armSchema }),
  policy: z.object({
    alpha: z.number(),
    minBlocks: z.int(),
    minBuilds: z.int(),
    minimalChange: z.number(),
    detectableChange: z.number(),
    minimalRecallLoss: z.number(),
    detectableRecallLoss: z.number(),
  }),
  metrics: z.array(gateMetricSchema),
  checks: z.array(gateCheckSchema),
  /** Rows that one arm alone has, and why the other has not, if that is known. */
  unpaired: z.array(
    z.object({ subject: z.string(), arm: z.enum(['base', 'head']), reason: z.string().optional() }),
  ),
  /** Beside a result of before: what it says and what was measured now, a sentence each. Nobody has judged it. */
  informs: z.array(z.string()).optional(),
  warnings: z.array(z.string()),
})

export type GateResult = z.infer<typeof gateResultSchema>
export type GateMetric = z.infer<typeof gateMetricSchema>
export type GateCheck = z.infer<typeof gateCheckSchema>
