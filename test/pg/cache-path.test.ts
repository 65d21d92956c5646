import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadDataset } from '#src/datasets/catalogue.js'
import { prepareCorpora } from '#src/measure/corpora.js'
import type { Corpus } from '#src/paths/search-path.js'
import { Workspace } from '#src/paths/server/workspace.js'
import { silent } from '#src/progress.js'
import { findProgram } from '#src/system/program.js'
import { titleWith } from '../skip-reasons.js'
import { startServer, type TestServer } from './server.js'

const problem = findProgram('redis-server') === undefined ? 'redis-server is not installed' : undefined
const { signal } = new AbortController()

describe.skipIf(problem)(titleWith(problem, 'the cache'), () => {
  let server: TestServer
  let workspace: Workspace

  beforeAll(async () => {
    server = await startServer()
    const { connection } = server
    workspace = await Workspace.open({ connection, mayCreateExtensions: false, progress: silent, signal })
  })
  afterAll(async () => {
    await workspace?.close()
    await server?.stop()
  })

  it('is filled for no longer than a row is measured, and its rows ask what is in it', async () => {
    const dataset = await loadDataset('synthetic-5000x64', { queries: 3000 })
    const { corpora } = await prepareCorpora([{ id: 'cache' }], {
      ...{ dataset, k: 5, workspace, target: 'local', progress: silent, signal, threads: 1, budgetMs: 50 },
    })
    const [corpus] = corpora as [Corpus]
    try {
      const filled = corpus.queryRows!.size
      expect(filled).toBeGreaterThanOrEqual(10)
      expect(filled).toBeLessThan(3000)
      expect(workspace.notices.join()).toContain(`cache: ${filled} of 3000 queries were put into the cache`)
      const searcher = await corpus.open({ hit_ratio: 1, workers: 0 })
      for (const row of corpus.queryRows!) {
        const [hits] = await searcher.search(dataset.queries.data.subarray(row * 64, (row + 1) * 64))
        expect(hits).toHaveLength(5)
      }
      await searcher.close()
      // All of them were hits, as the row is named.
      expect(workspace.notices.join()).not.toContain('were as named')
    } finally {
      await corpus.dispose()
    }
  })
})
