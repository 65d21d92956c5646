import { throwIfAborted } from '../../errors.js'
import type { TableSnapshot } from '../../measure/own-table/snapshot.js'
import { queryRecall, summariseRecall } from '../../measure/recall.js'
import type { ReadOnlyServer } from '../../paths/own-table/read-only.js'
import type { Corpus, Hits, Variant } from '../../paths/search-path.js'
import type { AdvisedStep } from '../../result/advice.js'
import { median, sortSamples } from '../../stats/samples.js'

/** What steps of a knob are measured on. */
export interface Bench {
  readonly server: ReadOnlyServer
  readonly snapshot: TableSnapshot
  readonly signal: AbortSignal
}

/** Recall and median time of a way to search, over the queries of the snapshot or the first of them. */
export async function measureStep(
  { server, snapshot, signal }: Bench,
  corpus: Corpus,
  variant: Variant,
  most = Number.POSITIVE_INFINITY,
): Promise<Pick<AdvisedStep, 'recall' | 'ci95' | 'ms'>> {
  const { dataset, truth, known } = snapshot
  const { data, dims, rows } = dataset.queries
  const searcher = await corpus.open(variant)
  try {
    const found: Hits[] = []
    const times: number[] = []
    for (let row = 0; row < Math.min(rows, most); row++) {
      throwIfAborted(signal)
      const start = performance.now()
      const [hits] = await searcher.search(data.subarray(row * dims, (row + 1) * dims))
      times.push(performance.now() - start)
      found.push(hits!)
    }
    await server.inTransaction((session) => known.fetch(session))
    const recalls = found.map((hits, row) => queryRecall(dataset, truth, row, hits))
    const { mean, ci95 } = summariseRecall(recalls)
    return { recall: mean, ci95, ms: median(sortSamples(times)) }
  } finally {
    await searcher.close()
  }
}

/** The interval of the recall lies at the target or above: chance does not take it below. */
export function surelyReaches(
  { recall, ci95 }: Pick<AdvisedStep, 'recall' | 'ci95'>,
  target: number,
): boolean {
  return recall === 1 || ci95[0] >= target
}

/** Two steps are told apart where they differ by a tenth. */
const fineness = 1.1

/**
 * The smallest value that surely reaches the target, to a tenth: up the ladder, and then by halves between the last step
 * that does not and the first that does.
 */
export async function findSmallest<Measured extends Pick<AdvisedStep, 'recall' | 'ci95'>>(
  ladder: readonly number[],
  target: number,
  measure: (value: number) => Promise<Measured>,
): Promise<{ value: number; step: Measured } | undefined> {
  let below = 0
  for (const value of ladder) {
    const step = await measure(value)
    if (!surelyReaches(step, target)) {
      below = value
      continue
    }
    let best = { value, step }
    while (below > 0 && best.value - below > 1 && best.value / below > fineness) {
      const middle = Math.floor((below + best.value) / 2)
      const tried = await measure(middle)
      if (surelyReaches(tried, target)) best = { value: middle, step: tried }
      else below = middle
    }
    return best
  }
  return undefined
}
