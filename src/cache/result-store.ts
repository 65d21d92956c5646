import { setTimeout as sleep } from 'node:timers/promises'
import { createClient, RESP_TYPES } from '@redis/client'
import { invalidArgument } from '../errors.js'

/** Where Redis is, and how its certificate is verified. */
export interface RedisSettings {
  /** redis://, or rediss:// for TLS: `rediss://user:password@host:port/database`. */
  readonly url: string
  /** The server's certificate authority as PEM, if the system does not know it. */
  readonly ca?: string | Buffer
}

export interface StoreOptions extends RedisSettings {
  /** Longest wait for an answer from Redis; after that the search is done without it. */
  readonly timeoutMs: number
  /** Called for each failed operation. */
  readonly onError: (error: Error) => void
}

/** How long Redis is left alone after a failure: if it hangs, that costs one timeout per pause, not one per search. */
const pauseMs = 500
const longestReconnectDelayMs = 1000
/** The client pings an idle connection, so that a dead one is noticed by its silence. */
const pingIntervalMs = 4000
const silenceMs = 10_000
/** An operation that takes longer will not succeed, so `close` does not wait for it. */
const closeTimeoutMs = 1000

/** Bytes in Redis, by name. Nothing here rejects: a store that is down, slow or empty simply has no answer. */
export class ResultStore {
  readonly #client: ReturnType<typeof createRedisClient>
  readonly #options: StoreOptions
  #pausedUntilMs = 0

  constructor(options: StoreOptions) {
    this.#options = options
    this.#client = createRedisClient(options)
    // Without a listener, the first lost connection would end the process.
    this.#client.on('error', (error: Error) => options.onError(error))
  }

  /** Resolves when connected, or after `waitMs`; connecting goes on in the background. */
  async connect(waitMs = this.#options.timeoutMs): Promise<void> {
    const connected = this.#client.connect().then(
      () => undefined,
      (error: Error) => this.#options.onError(error),
    )
    await Promise.race([connected, sleep(waitMs, undefined, { ref: false })])
  }

  /** False while there is no connection, and for a moment after a failure. */
  get isUsable(): boolean {
    return this.#client.isReady && performance.now() >= this.#pausedUntilMs
  }

  async get(name: string): Promise<Buffer | undefined> {
    return (await this.#attempt(() => this.#client.get(name))) ?? undefined
  }

  async set(name: string, value: Buffer, lifetimeMs: number): Promise<void> {
    await this.#attempt(() =>
      this.#client.set(name, value, { expiration: { type: 'PX', value: lifetimeMs } }),
    )
  }

  async close(): Promise<void> {
    if (!this.#client.isOpen) return
    const closed = this.#client.close().catch((error: Error) => this.#options.onError(error))
    await Promise.race([closed, sleep(closeTimeoutMs, undefined, { ref: false })])
    if (this.#client.isOpen || this.#client.isReady) this.#client.destroy()
  }

  async #attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
    const { timeoutMs, onError } = this.#options
    let timer: NodeJS.Timeout | undefined
    try {
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`Redis took longer than ${timeoutMs} ms`)), timeoutMs)
      })
      return await Promise.race([work(), late])
    } catch (error) {
      this.#pausedUntilMs = performance.now() + pauseMs
      onError(error instanceof Error ? error : new Error(String(error)))
      return undefined
    } finally {
      clearTimeout(timer)
    }
  }
}

function createRedisClient({ url, ca, timeoutMs }: StoreOptions) {
  const protocol = URL.canParse(url) ? new URL(url).protocol : undefined
  if (protocol !== 'redis:' && protocol !== 'rediss:') {
    throw invalidArgument('redis.url', 'redis://host:port or rediss://host:port', withoutPassword(url))
  }
  const socket = {
    connectTimeout: Math.max(timeoutMs, 1000),
    socketTimeout: silenceMs,
    reconnectStrategy: (retries: number) =>
      Math.min(50 * 2 ** Math.min(retries, 10), longestReconnectDelayMs),
  }
  return createClient({
    url,
    socket: protocol === 'rediss:' ? { ...socket, tls: true as const, ...(ca && { ca }) } : socket,
    // A command to a server that is down fails at once, so no search waits for it to come back.
    disableOfflineQueue: true,
    pingInterval: pingIntervalMs,
    maintNotifications: 'disabled',
    commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
  })
}

function withoutPassword(url: string): string {
  return url.replace(/:[^:@/]*@/, ':...@')
}
