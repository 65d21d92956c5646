import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { silent } from '#src/progress.js'
import { packageRoot } from '#src/system/cache-folder.js'
import { findProgram } from '#src/system/program.js'
import { startLocalCache } from '#src/targets/local/local-cache.js'
import { startServer, type TestServer } from '../pg/server.js'
import { titleWith } from '../skip-reasons.js'

const runNode = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  promisify(execFile)(process.execPath, args, { cwd: packageRoot, env: { ...process.env, ...env } })

/** As a program of its own that imports `simdgres` by its name, like a user's. */
async function runExample(name: string, env: NodeJS.ProcessEnv = {}): Promise<string[]> {
  const { stdout, stderr } = await runNode([join(packageRoot, 'build', 'examples', `${name}.js`)], env)
  expect(stderr).toBe('')
  return stdout.trimEnd().split('\n')
}

beforeAll(async () => {
  await runNode([join('node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.examples.json'])
})

test('search.ts finds a row itself, alone and in a batch, and gives up when told to', async () => {
  const lines = await runExample('search')
  expect(lines).toHaveLength(12)
  expect(lines[0]).toBe('nearest row: 7, distance 0.000')
  for (let query = 0; query < 10; query++) expect(lines[query + 1]).toMatch(`query ${query}: rows ${query}, `)
  expect(lines[11]).toBe('given up: ERR_ABORTED')
})

describe('with a PostgreSQL', () => {
  let server: TestServer
  let DATABASE_URL: string
  beforeAll(async () => {
    server = await startServer()
    const { user, password, host, port, database } = server.connection
    const login = `${user}:${encodeURIComponent(String(password))}`
    DATABASE_URL = `postgres://${login}@${host}:${port}/${database}`
  })
  afterAll(() => server?.stop())

  test('pgvector.ts finds the nearest items', async () => {
    expect(await runExample('pgvector', { DATABASE_URL })).toEqual([
      'item 1 [1, 0, 0] at 0.000',
      'item 3 [0.9, 0.1, 0] at 0.006',
    ])
  })

  const found = [
    'first: item 1 at 0, item 2 at 5',
    'again: item 1 at 0, item 2 at 5',
    'after an insert: item 1 at 0, item 3 at 1',
  ]

  test('cached.ts does its work without Redis', async () => {
    // Nobody listens on port 1.
    const lines = await runExample('cached', { DATABASE_URL, REDIS_URL: 'redis://127.0.0.1:1' })
    expect(lines).toEqual([...found, 'hits 0, misses 0, without Redis 3'])
  })

  const redis = findProgram('redis-server')
  const problem = redis === undefined ? 'redis-server is not installed' : undefined
  test.skipIf(problem)(
    titleWith(problem, 'cached.ts asks Redis first, and never gets an old result'),
    async () => {
      const cache = await startLocalCache(String(redis), {
        progress: silent,
        signal: new AbortController().signal,
      })
      try {
        const lines = await runExample('cached', { DATABASE_URL, REDIS_URL: cache.redis.url })
        expect(lines).toEqual([...found, 'hits 1, misses 2, without Redis 0'])
      } finally {
        await cache.stop()
      }
    },
  )
})
