import { z } from 'zod'

const interval = z.tuple([z.number(), z.number()])

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
  /** `time`: that of a query. */
  metric: z.string(),
  outcome: z.enum(['ok', 'improved', 'regressed', 'inconclusive']),
  /** head / base; above 1 is slower. */
  ratio: z.number(),
  ci95: interval,
  /** One-sided; missing where too few blocks were measured. */
  p: z.number().optional(),
  pAdjusted: z.number().optional(),
  /** Blocks of each stage. */
  blocks: z.array(z.int().nonnegative()),
  /** Standard deviation of the blocks' log ratios. */
  spread: z.number(),
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
  verdict: z.enum(['ok', 'improved', 'regressed', 'inconclusive', 'not comparable']),
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
    minimalChange: z.number(),
    detectableChange: z.number(),
  }),
  metrics: z.array(gateMetricSchema),
  checks: z.array(gateCheckSchema),
  /** Rows that one arm alone has, and why the other has not, if that is known. */
  unpaired: z.array(
    z.object({ subject: z.string(), arm: z.enum(['base', 'head']), reason: z.string().optional() }),
  ),
  warnings: z.array(z.string()),
})

export type GateResult = z.infer<typeof gateResultSchema>
export type GateMetric = z.infer<typeof gateMetricSchema>
export type GateCheck = z.infer<typeof gateCheckSchema>
