import { z } from 'zod'

const interval = z.tuple([z.number(), z.number()])

const cureSchema = z.strictObject({
  kind: z.enum(['sql', 'query', 'server']),
  /** Each of them alone, in one session. */
  statements: z.array(z.string()),
  restart: z.boolean(),
  caution: z.string().optional(),
})

const findingSchema = z.strictObject({
  code: z.enum([
    ...(['query-shape', 'recall-below-target', 'ivfflat-lists-unused', 'vectors-out-of-line'] as const),
    ...(['shared-buffers-below-index', 'maintenance-memory-below-build', 'statistics-stale'] as const),
    ...(['index-invalid', 'dims-over-index-limit'] as const),
  ]),
  severity: z.enum(['critical', 'warning']),
  what: z.string(),
  where: z.string(),
  cure: cureSchema,
  expected: z.string(),
})

const stepSchema = z.strictObject({
  parameter: z.string(),
  value: z.number(),
  recall: z.number(),
  ci95: interval,
  /** Median of a search, one client, the round trip included. */
  ms: z.number(),
})

const scanSchema = z.strictObject({ rows: z.int().positive(), ms: z.number() })

const indexSchema = z.strictObject({
  table: z.string(),
  index: z.string(),
  rows: z.int().nonnegative(),
  k: z.int().positive(),
  /** Rows of the table that were taken as queries. */
  sample: z.int().positive(),
  exactMs: z.number(),
  today: stepSchema,
  /** The smallest step that surely reaches the recall; missing where none does. */
  target: stepSchema.optional(),
  /** From how many rows on the index is faster than an exact scan. */
  crossover: z.strictObject({
    kind: z.enum(['below', 'between', 'above']),
    rows: z.int().positive(),
    indexMs: z.number(),
    scans: z.array(scanSchema),
  }),
})

/** Validates what `simdgres advise --json` writes. */
export const adviceSchema = z.strictObject({
  schema: z.literal('simdgres.advise/1'),
  startedAt: z.string(),
  durationMs: z.number(),
  server: z.strictObject({ postgres: z.string(), pgvector: z.string(), role: z.string() }),
  recall: z.number(),
  tables: z.array(z.string()),
  findings: z.array(findingSchema),
  indexes: z.array(indexSchema),
  /** Worth knowing, and nothing to mend. */
  notes: z.array(z.string()),
  /** What could not be seen, each with the next step. */
  unseen: z.array(z.string()),
})
