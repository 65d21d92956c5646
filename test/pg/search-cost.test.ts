import { setMaxListeners } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PreparedSearcher } from '#src/paths/server/prepared-searcher.js'
import { Session } from '#src/paths/server/session.js'
import { realArrayFormat } from '#src/paths/server/vector-codec.js'
import { Workspace } from '#src/paths/server/workspace.js'
import { silent } from '#src/progress.js'
import { startServer, type TestServer } from './server.js'

const { signal } = new AbortController()
setMaxListeners(0, signal)
let server: TestServer

beforeAll(async () => {
  server = await startServer()
  await server.client.query(`CREATE ROLE asker LOGIN PASSWORD 'of-asker'`)
})
afterAll(() => server?.stop())

const vectors = Array.from({ length: 12 }, (_, i) => Float32Array.from({ length: 200 }, (_, j) => i + j / 7))
const statement = (text: string) => ({ name: 'asked', text })

function searcherOf(session: Session, text: string): PreparedSearcher {
  return new PreparedSearcher({
    ...{ session, statement: statement(text), format: realArrayFormat, settings: {} },
    check: () => undefined,
  })
}

const nothing = 'SELECT id FROM generate_series(0, 9) AS id WHERE $1::real[] IS NOT NULL'
/** Sleeps 40 ms in its execution. */
const slow = 'SELECT 1 AS id FROM pg_sleep(0.04) WHERE $1::real[] IS NOT NULL'

describe('where the time of a search goes', () => {
  it.each([
    ['log_duration', 'its own role', undefined],
    ['explain', 'a role that may not ask for durations', { user: 'asker', password: 'of-asker' }],
  ] as const)('is told by %s to %s', async (source, _who, login) => {
    const session = await Session.open({ ...server.connection, ...login }, { signal })
    try {
      const cost = await searcherOf(session, slow).measureCost(vectors, 1000)
      expect(cost.source).toBe(source)
      expect(cost.calls).toBeGreaterThanOrEqual(3)
      expect(cost.executeMs).toBeGreaterThanOrEqual(40)
      const { planMs, encodeMs, decodeMs, networkMs, executeMs, totalMs } = cost
      const beside = [planMs, encodeMs, decodeMs, networkMs]
      for (const part of beside) expect(part).toBeGreaterThanOrEqual(0)
      for (const part of [encodeMs, decodeMs]) expect(part).toBeGreaterThan(0)
      expect(beside.reduce((sum, part) => sum + part, executeMs)).toBeCloseTo(totalMs, 6)
      // Nothing else of it takes as long as the sleep.
      expect(executeMs / totalMs).toBeGreaterThan(0.5)
    } finally {
      await session.close()
    }
  })

  it('is not the execution where nothing is searched, and leaves no word in the run or in the log of the server', async () => {
    const workspace = await Workspace.open({
      ...{ connection: server.connection, mayCreateExtensions: false, progress: silent, signal },
    })
    const session = await workspace.connect()
    try {
      const cost = await searcherOf(session, nothing).measureCost(vectors, 1000)
      expect(cost.calls).toBe(vectors.length)
      expect(cost.executeMs / cost.totalMs).toBeLessThan(0.5)
      expect(workspace.notices).toEqual([])
      expect(await session.query('SHOW log_min_messages')).toEqual([{ log_min_messages: 'fatal' }])
    } finally {
      await session.close()
      await workspace.close()
    }
  })

  it('is asked for no longer than the limit, and of three searches at least', async () => {
    const session = await Session.open(server.connection, { signal })
    try {
      expect((await searcherOf(session, slow).measureCost(vectors, 0)).calls).toBe(3)
    } finally {
      await session.close()
    }
  })
})
