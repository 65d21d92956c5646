import { throwIfAborted } from '../../errors.js'
import type { SearchCost } from '../../result/row-studies.js'
import type { Lane } from '../lane/lane.js'
import type { LaneRecord } from '../lane/lane-run.js'
import { isOfOneClient, type StudyContext } from './candidates.js'

/** Medians of parts are known well enough by these. */
const mostQueries = 100
/** Of the time of a row. */
const share = 0.05
const leastMs = 100
const mostMs = 1000

export interface CostTask extends StudyContext {
  /** Time that a row is measured for. */
  readonly budgetMs: number
}

/**
 * Where the time of a search goes, for each row of one client in a server: behind the rounds, in a session of its own, so that
 * nothing of it is in the figures of the rows. A row of which it cannot be known has none.
 */
export async function measureCosts(
  records: readonly LaneRecord[],
  { queries, budgetMs, progress, signal }: CostTask,
): Promise<Map<Lane, SearchCost>> {
  const { data, dims } = queries
  const costs = new Map<Lane, SearchCost>()
  const asked = records.filter(isOfOneClient)
  for (const [done, { lane }] of asked.entries()) {
    progress.step('Finding where the time goes', done, asked.length)
    const { corpus, variant } = lane
    throwIfAborted(signal)
    try {
      const searcher = await corpus.open(variant)
      try {
        const rows = corpus.queryRows ?? Array.from({ length: queries.rows }, (_, row) => row)
        const vectors = [...rows]
          .slice(0, mostQueries)
          .map((row) => data.subarray(row * dims, (row + 1) * dims))
        const limitMs = Math.min(mostMs, Math.max(leastMs, share * budgetMs))
        const cost = await searcher.measureCost?.(vectors, limitMs)
        if (cost !== undefined) costs.set(lane, cost)
      } finally {
        await searcher.close()
      }
    } catch (error) {
      throwIfAborted(signal)
      const why = error instanceof Error ? error.message : String(error)
      progress.note(`Where the time of ${corpus.path.id} goes is not known: ${why}`)
    }
  }
  progress.step('Finding where the time goes', asked.length, asked.length)
  return costs
}
