import { type RedisSettings, ResultStore } from '../cache/result-store.js'
import { SimdgresError, throwIfAborted } from '../errors.js'
import { findProgram } from '../system/program.js'
import type { CacheServer, CacheServerOptions } from './cache-server.js'
import { startDockerCache } from './docker/docker-cache.js'
import { startLocalCache } from './local/local-cache.js'
import type { TargetId } from './target.js'

/** Variable that names an existing Redis. */
const urlVariable = 'CACHE_URL'
const startTimeoutMs = 30_000
const attemptMs = 250

/** Why there is no Redis for a run on this target, with the next step; undefined if there is one. */
export function findCacheProblem(target: TargetId): string | undefined {
  if (process.env[urlVariable] || target === 'docker' || findLocalRedis() !== undefined) return undefined
  return `No Redis: install redis-server, set ${urlVariable}=redis://host:port, or use --target docker.`
}

/** The Redis that CACHE_URL names, or else a new one of the target's kind: a container or a process. */
export async function startCacheServer(target: TargetId, options: CacheServerOptions): Promise<CacheServer> {
  const server = await start(target, options)
  try {
    await waitUntilReady(server.redis, options.signal)
    return server
  } catch (error) {
    await server.stop()
    throw error
  }
}

async function start(target: TargetId, options: CacheServerOptions): Promise<CacheServer> {
  const url = process.env[urlVariable]
  if (url) return { redis: { url }, stop: async () => undefined }
  const program = findLocalRedis()
  if (target === 'docker' || program === undefined) return startDockerCache(options)
  return startLocalCache(program, options)
}

async function waitUntilReady(redis: RedisSettings, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + startTimeoutMs
  let problem = 'no answer'
  while (performance.now() < deadline) {
    throwIfAborted(signal)
    const store = new ResultStore({
      ...redis,
      timeoutMs: attemptMs,
      onError: (error) => {
        problem = error.message
      },
    })
    await store.connect()
    const isUsable = store.isUsable
    await store.close()
    if (isUsable) return
  }
  throw new SimdgresError(
    'ERR_UNAVAILABLE',
    `Redis does not answer after ${startTimeoutMs / 1000} s: ${problem}`,
    `Look at ${process.env[urlVariable] ? urlVariable : 'the log of Redis'}, or leave the path out with --paths.`,
  )
}

function findLocalRedis(): string | undefined {
  return findProgram('redis-server')
}
