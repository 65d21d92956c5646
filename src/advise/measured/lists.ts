import { exactSettings, vectorFormats } from '../../paths/own-table/searches.js'
import type { OwnTable } from '../../paths/own-table/table.js'
import type { Bench } from './steps.js'

/** Lists differ in size, and so do the means of 20 queries: by a quarter on text embeddings. */
const probedQueries = 50
/**
 * A list that a query meets is larger than the average: 1.0 to 2.6 times on data of five kinds in 16 to 512 dimensions, where the
 * index was built on all of it. Built on no row or on five, it was 4 to 40 times on data whose centre is not the origin, as that
 * of embeddings is not. (On data round the origin lists of chance serve nearly as well, and there is nothing to mend.)
 */
const skew = 3
/**
 * And such a list has little more of the neighbours than as many rows of chance: 1 to 5 times. That of a natural group which is
 * as large has most of them: 24 times on text embeddings.
 */
const leastLift = 6
/** Lists of most of the rows have most of the neighbours by their size alone; what finds more is right, however it was made. */
const goodRecall = 0.9
/**
 * Of half of the rows and more, such a list misses at least 0.19 times as many neighbours as rows of chance would (260 indexes that were
 * built on no row, of 2000 rows in 200 groups; 27 of them found 0.9 and more). A natural group misses few or none: its rows are nearest to each other.
 */
const most = { share: 0.5, misses: 0.15 }
/** Of fewer lists each may well be large. */
const fewLists = 8

/** How many rows one probe of an IVFFlat index reads, on average over some queries. */
export async function countProbedRows(
  { server, snapshot }: Bench,
  { relation, vector, type }: OwnTable,
  operator: string,
): Promise<number> {
  return server.inTransaction(async (session) => {
    const { data, dims, rows } = snapshot.dataset.queries
    let total = 0
    const queries = Math.min(rows, probedQueries)
    for (let row = 0; row < queries; row++) {
      const literal = vectorFormats[type].print(data.subarray(row * dims, (row + 1) * dims))
      const [found] = await session.query<{ count: string }>(
        // Without LIMIT the order could be left out.
        `SELECT count(*)::text AS count FROM (SELECT 1 FROM ${relation} ORDER BY ${vector} ${operator} $1::${type}(${dims}) LIMIT 2147483647) AS probed`,
        [literal],
        'counting the rows of a list',
      )
      total += Number(found!.count)
    }
    return total / queries
  }, oneProbe())
}

function oneProbe(): Record<string, string> {
  const { enable_indexscan: _, ...settings } = exactSettings()
  const off = { enable_seqscan: 'off', enable_bitmapscan: 'off', enable_sort: 'off' }
  return { ...settings, ...off, 'ivfflat.probes': '1' }
}

/**
 * Whether so many rows in one list, with so few of the neighbours, are what an index has that was built on an empty table, or
 * nearly so. `recall` is that of one probe.
 */
export function isBuiltTooEarly(probedRows: number, recall: number, rows: number, lists: number): boolean {
  const share = probedRows / rows
  if (lists < fewLists || share * lists <= skew) return false
  if (recall < Math.min(leastLift * share, goodRecall)) return true
  return share >= most.share && 1 - recall > most.misses * (1 - share)
}
