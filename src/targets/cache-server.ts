import type { RedisSettings } from '../cache/result-store.js'
import type { Progress } from '../progress.js'

/** A Redis that lasts as long as a run. */
export interface CacheServer {
  readonly redis: RedisSettings
  /** Ends it if it was started by us. Safe to call twice. */
  stop(): Promise<void>
}

export interface CacheServerOptions {
  readonly progress: Progress
  readonly signal: AbortSignal
}
