import type { Dataset, GroundTruth } from '../../datasets/dataset.js'
import { throwIfAborted } from '../../errors.js'
import type { Hits, RowInserter, Searcher } from '../../paths/search-path.js'
import { leastCallsFor } from '../../result/percentiles.js'
import type { WhileInserting } from '../../result/row-studies.js'
import { pairedRatio } from '../../stats/paired-ratio.js'
import type { Random } from '../../stats/random.js'
import { mean, median, percentile, sortSamples } from '../../stats/samples.js'
import type { Lane } from '../lane/lane.js'
import type { LaneRecord } from '../lane/lane-run.js'
import { shareNear, summariseRecall } from '../recall.js'
import type { StudyContext } from './candidates.js'
import { InsertedRows } from './inserted-rows.js'

/** Of turns: one in which rows are inserted, and one in which none is, in an order that is drawn. */
const pairs = 10
const leastQueries = 2
/** Distinct queries whose answers are judged: distances to all inserted rows are computed for each. */
const judgedQueries = 200

export interface InsertingTask extends StudyContext {
  readonly dataset: Dataset
  readonly truth: GroundTruth
  /** Rows per second. */
  readonly rate: number
  /** Time of a row, and its queries at most. */
  readonly budgetMs: number
  readonly maxQueries: number
  readonly random: Random
}

/** Searches of each record's lane while rows are inserted into its table. Lanes of one table see the rows of earlier ones as well. */
export async function measureInserting(
  records: readonly LaneRecord[],
  task: InsertingTask,
): Promise<Map<Lane, WhileInserting>> {
  const tables = new Map<string, InsertedRows>()
  const found = new Map<Lane, WhileInserting>()
  for (const [done, record] of records.entries()) {
    task.progress.step('Searching while rows are inserted', done, records.length)
    const { corpus, variant } = record.lane
    const table = corpus.table!
    const rows = tables.get(table.name) ?? new InsertedRows(task.dataset, task.random)
    tables.set(table.name, rows)
    const inserter = await table.openInserter()
    try {
      const searcher = await corpus.open(variant)
      try {
        const msPerQuery = record.facts!.msPerQuery
        found.set(record.lane, await measureLane({ searcher, inserter, rows, msPerQuery }, task))
      } finally {
        await searcher.close()
      }
    } finally {
      await inserter.close()
    }
  }
  task.progress.step('Searching while rows are inserted', records.length, records.length)
  return found
}

interface Subject {
  readonly searcher: Searcher
  readonly inserter: RowInserter
  readonly rows: InsertedRows
  readonly msPerQuery: number
}

interface Search {
  readonly row: number
  readonly ms: number
  readonly hits: Hits
  /** Rows that had been committed when it began. */
  readonly committed: number
}

async function measureLane(subject: Subject, task: InsertingTask): Promise<WhileInserting> {
  const { budgetMs, maxQueries, dataset, random, rate } = task
  const affordable = Math.floor(budgetMs / (2 * pairs) / subject.msPerQuery)
  const count = Math.max(leastQueries, Math.min(affordable, Math.floor(maxQueries / (2 * pairs))))
  const quiet: Search[][] = []
  const busy: Search[][] = []
  const inserts: number[] = []
  let insertingMs = 0
  for (let pair = 0; pair < pairs; pair++) {
    const queries = Array.from({ length: count }, (_, i) => (pair * count + i) % dataset.queries.rows)
    const takeQuiet = async () => {
      quiet.push(await searchAll(queries, subject, task))
    }
    const takeBusy = async () => {
      const start = performance.now()
      const stream = new InsertStream(subject, rate)
      try {
        busy.push(await searchAll(queries, subject, task))
      } finally {
        inserts.push(...(await stream.stop()))
      }
      insertingMs += performance.now() - start
    }
    for (const take of random.below(2) === 0 ? [takeQuiet, takeBusy] : [takeBusy, takeQuiet]) await take()
  }
  return summarise({ quiet, busy, inserts, insertingMs }, subject, task)
}

async function searchAll(
  queries: readonly number[],
  { searcher, rows }: Subject,
  { dataset, signal }: InsertingTask,
): Promise<Search[]> {
  const { data, dims } = dataset.queries
  const searches: Search[] = []
  for (const row of queries) {
    throwIfAborted(signal)
    const { committed } = rows
    const start = performance.now()
    const [hits] = await searcher.search(data.subarray(row * dims, (row + 1) * dims))
    searches.push({ row, hits: hits!, committed, ms: performance.now() - start })
  }
  return searches
}

/** Inserts a row whenever one is due, one after the other: those that are late follow at once. */
class InsertStream {
  readonly #subject: Subject
  readonly #gapMs: number
  readonly #done: Promise<void>
  readonly #times: number[] = []
  #failure: unknown
  #isOver = false
  #wake: () => void = () => undefined

  constructor(subject: Subject, rate: number) {
    this.#subject = subject
    this.#gapMs = 1000 / rate
    this.#done = this.#run().catch((error: unknown) => {
      this.#failure = error
    })
  }

  /** Resolves to the time of each insert, ms, when the last one is committed. Rejects where one failed. */
  async stop(): Promise<readonly number[]> {
    this.#isOver = true
    this.#wake()
    await this.#done
    if (this.#failure !== undefined) throw this.#failure
    return this.#times
  }

  async #run(): Promise<void> {
    const { rows, inserter } = this.#subject
    const startMs = performance.now()
    while (!this.#isOver) {
      const waitMs = startMs + this.#times.length * this.#gapMs - performance.now()
      if (waitMs > 0) {
        await this.#sleep(waitMs)
        continue
      }
      const sentMs = performance.now()
      await rows.insert(inserter)
      this.#times.push(performance.now() - sentMs)
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

interface Observed {
  readonly quiet: readonly (readonly Search[])[]
  readonly busy: readonly (readonly Search[])[]
  readonly inserts: readonly number[]
  readonly insertingMs: number
}

function summarise(
  { quiet, busy, inserts, insertingMs }: Observed,
  { rows }: Subject,
  task: InsertingTask,
): WhileInserting {
  const timesOf = (turns: Observed['quiet']) => turns.map((turn) => turn.map(({ ms }) => ms))
  const all = sortSamples(timesOf(busy).flat())
  const sortedInserts = sortSamples(inserts)
  const { value: ratio, ci95 } = pairedRatio(timesOf(busy), timesOf(quiet))
  const percentiles = (p: 95 | 99, from = all) =>
    from.length >= leastCallsFor(p) ? percentile(from, p) : undefined
  const [p95, p99, insertP95] = [percentiles(95), percentiles(99), percentiles(95, sortedInserts)]
  return {
    rate: task.rate,
    reached: (1000 * inserts.length) / insertingMs,
    rows: inserts.length,
    ...(inserts.length > 0 && {
      insertMs: { p50: median(sortedInserts), ...(insertP95 !== undefined && { p95: insertP95 }) },
    }),
    pairs,
    calls: all.length,
    latencyMs: {
      p50: median(all),
      ...(p95 !== undefined && { p95 }),
      ...(p99 !== undefined && { p99 }),
    },
    quietP50Ms: median(sortSamples(timesOf(quiet).flat())),
    ratio,
    ci95: [...ci95],
    recall: judge(busy.flat(), rows, task),
  }
}

/**
 * A search has to find the nearest of the rows that were committed when it began. One that was on its way counts where it is
 * found: it is at least as near as the last of those.
 */
function judge(searches: readonly Search[], rows: InsertedRows, { dataset, truth }: InsertingTask) {
  const byQuery = new Map<number, number[]>()
  for (const { row, hits, committed } of searches) {
    const shares = byQuery.get(row) ?? []
    if (shares.length === 0 && byQuery.size === judgedQueries) continue
    const nearest = truth.distances.slice(row * truth.k, (row + 1) * truth.k)
    const limit = rows.limitOf(row, nearest, committed)
    byQuery.set(row, [...shares, shareNear(dataset, truth, row, hits, limit, rows.data)])
  }
  const { mean: share, ci95 } = summariseRecall([...byQuery.values()].map((shares) => mean(shares)))
  return { mean: share, ci95: [...ci95] as [number, number] }
}
