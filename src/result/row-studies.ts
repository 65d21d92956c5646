import { z } from 'zod'

/** [low, high] at 95 % confidence. */
const interval = z.tuple([z.number(), z.number()])

/** Where the time of a search in a server goes, one client: medians of five parts, and their sum. */
export const costSchema = z.object({
  /** Searches that were timed whole, and as many whose server told its times. */
  calls: z.int().positive(),
  totalMs: z.number(),
  /** From the vector to the message that is handed to the socket, timed in the client. */
  encodeMs: z.number(),
  /** The server reads the parameter and gets its plan. */
  planMs: z.number(),
  executeMs: z.number(),
  /** From the last bytes of the answer to the ids, timed in the client. */
  decodeMs: z.number(),
  /** What neither side counts of one search: the way there and back, both kernels, the server's protocol and its transaction. */
  networkMs: z.number(),
  /**
   * Who timed plan and execution: the server's `log_duration`, of the very messages that a search is; or EXPLAIN (ANALYZE), whose
   * planning has to read the vector as text.
   */
  source: z.enum(['log_duration', 'explain']),
})

/** The first searches after restarts of the server, each in a session of its own. One number for each restart. */
export const coldSchema = z.object({
  restarts: z.int().positive(),
  /** Whether the files of the server were out of the kernel's page cache as well, and not of its own buffers alone. */
  pageCache: z.enum(['dropped', 'kept']),
  /** The most that the kernel still held of them; missing where nobody could look. */
  pageCacheLeftBytes: z.number().nonnegative().optional(),
  /** Opening the session. */
  connectMs: z.array(z.number()),
  firstMs: z.array(z.number()),
  /** Median of the nine searches for other queries behind the first. */
  nextMs: z.array(z.number()),
  /** p50 of the row. */
  warmMs: z.number(),
})

/** One client that searches while another connection inserts, by turns with the same searches while none does. */
export const insertingSchema = z.object({
  /** Rows per second that were asked for, and that were committed, each in a transaction of its own. */
  rate: z.number().positive(),
  reached: z.number(),
  rows: z.int().nonnegative(),
  insertMs: z.object({ p50: z.number(), p95: z.number().optional() }).optional(),
  /** Pairs of turns, and the searches of those in which rows were inserted. */
  pairs: z.int().positive(),
  calls: z.int().positive(),
  latencyMs: z.object({ p50: z.number(), p95: z.number().optional(), p99: z.number().optional() }),
  quietP50Ms: z.number(),
  /** How many times as long the mean search takes. */
  ratio: z.number(),
  ci95: interval,
  /** Against all rows that were committed when the search began. */
  recall: z.object({ mean: z.number(), ci95: interval }),
})

export type SearchCost = z.infer<typeof costSchema>
export type ColdStart = z.infer<typeof coldSchema>
export type WhileInserting = z.infer<typeof insertingSchema>
