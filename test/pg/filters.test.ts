import { setMaxListeners } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadDataset } from '#src/datasets/catalogue.js'
import type { Dataset, GroundTruth } from '#src/datasets/dataset.js'
import { createRowFilters, filteredTruth, type RowFilters } from '#src/datasets/row-filter.js'
import { prepareCorpora } from '#src/measure/corpora.js'
import { queryRecall } from '#src/measure/recall.js'
import { listScanModes } from '#src/paths/pgvector/iterative-scan.js'
import type { Corpus, Variant } from '#src/paths/search-path.js'
import { Workspace } from '#src/paths/server/workspace.js'
import { silent } from '#src/progress.js'
import { Random } from '#src/stats/random.js'
import { startServer, type TestServer } from './server.js'

const k = 5
const { signal } = new AbortController()
// Every connection listens to it.
setMaxListeners(0, signal)
const exactIds = ['sql', 'pgvector-exact', 'extension-exact', 'extension-index']
const indexIds = ['pgvector-hnsw', 'pgvector-hnsw-halfvec', 'pgvector-hnsw-bit', 'pgvector-ivfflat']

let server: TestServer
let workspace: Workspace
let dataset: Dataset
let filters: RowFilters
let corpora: readonly Corpus[]
const truths = new Map<unknown, GroundTruth>()

beforeAll(async () => {
  server = await startServer()
  dataset = await loadDataset('synthetic-2000x16', { queries: 20 })
  filters = createRowFilters(2000, [50, 1], new Random(1))
  for (const percent of filters.percents) {
    truths.set(`${percent}%`, await filteredTruth(dataset, k, filters, percent))
  }
  workspace = await Workspace.open({
    ...{ connection: server.connection, mayCreateExtensions: false, progress: silent, signal },
  })
  const context = { dataset, k, filters, workspace, progress: silent, signal, threads: 1 }
  const choices = [...exactIds, ...indexIds].map((id) => ({ id }))
  corpora = (await prepareCorpora(choices, context)).corpora
})
afterAll(async () => {
  await workspace?.close()
  await server?.stop()
})

const find = (id: string) => corpora.filter(({ path }) => path.id === id)

/** Means over the queries, of a searcher whose plan is the one that the path promises, filter included. */
async function search(corpus: Corpus, variant: Variant) {
  const searcher = await corpus.open(variant)
  const { data, rows, dims } = dataset.queries
  const [sums, truth] = [{ recall: 0, returned: 0 }, truths.get(variant['filter'])!]
  for (let row = 0; row < rows; row++) {
    const [hits] = await searcher.search(data.subarray(row * dims, (row + 1) * dims))
    expect([...hits!].every(truth.passes!)).toBe(true)
    sums.recall += queryRecall(dataset, truth, row, hits!)
    sums.returned += hits!.length
  }
  const { settings } = searcher
  await searcher.close()
  return { settings, recall: sums.recall / rows, returned: sums.returned / rows }
}

describe('under a filter', () => {
  it.each(exactIds)('%s finds the nearest of the rows that pass', async (id) => {
    for (const corpus of find(id)) {
      const variants = corpus.variants()
      expect(new Set(variants.map(({ filter }) => filter))).toEqual(new Set(['50%', '1%']))
      for (const variant of variants) {
        expect({ variant, ...(await search(corpus, variant)) }).toMatchObject({ recall: 1, returned: k })
      }
    }
  })

  it.each(indexIds)('%s returns too few rows, and enough of them where it scans on', async (id) => {
    const [corpus] = find(id)
    const narrow = corpus!.variants().filter(({ filter }) => filter === '1%')
    const modes = [...new Set(narrow.map(({ iterative_scan }) => iterative_scan))]
    const isIvfflat = id === 'pgvector-ivfflat'
    expect(modes).toEqual(['off', 'relaxed_order', ...(isIvfflat ? [] : ['strict_order'])])
    const parameter = isIvfflat ? 'ivfflat.iterative_scan' : 'hnsw.iterative_scan'
    for (const mode of modes) {
      const fastest = narrow.find(({ iterative_scan }) => iterative_scan === mode)!
      const { settings, returned, recall } = await search(corpus!, fastest)
      expect(settings[parameter]).toBe(mode)
      // 20 of 2,000 rows pass: ten that a walk meets have none as a rule, and one list of two has ten.
      if (mode !== 'off' || isIvfflat) expect([mode, returned]).toEqual([mode, k])
      else expect([returned < 2, recall < 0.4]).toEqual([true, true])
    }
    // Each filter and mode has a ladder of its own.
    expect(corpus!.ladders).toHaveLength(2 * modes.length)
  })

  it('one probe of IVFFlat returns too few rows, and more where it scans on', async () => {
    const { corpora: many } = await prepareCorpora([{ id: 'pgvector-ivfflat', designs: [{ lists: 40 }] }], {
      ...{ dataset, k, filters, workspace, progress: silent, signal, threads: 1 },
    })
    const variant = { filter: '1%', probes: 1 }
    const off = await search(many[0]!, { ...variant, iterative_scan: 'off' })
    const on = await search(many[0]!, { ...variant, iterative_scan: 'relaxed_order' })
    expect(off.returned).toBeLessThan(2)
    expect(on.returned).toBe(k)
    expect(on.recall).toBeGreaterThan(off.recall)
  })

  it('a server whose pgvector cannot scan on has one row for each step, and the report says why', async () => {
    const modes = await listScanModes(workspace, 'hnsw', 'hnsw.scan_of_another_version')
    expect(modes).toEqual([{}])
    expect(workspace.notices.splice(0)).toEqual([
      expect.stringMatching(/has no hnsw\.scan_of_another_version, .*Install pgvector 0\.8 or newer/),
    ])
  })
})
