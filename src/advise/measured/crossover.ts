import { exactSettings, vectorFormats } from '../../paths/own-table/searches.js'
import { type OwnTable, ownMark, searchStatement } from '../../paths/own-table/table.js'
import { encodeParameter } from '../../paths/server/vector-codec.js'
import type { Crossover } from '../../result/advice.js'
import { median, sortSamples } from '../../stats/samples.js'
import type { Bench } from './steps.js'

/** Each part is a quarter of the one before. */
const factor = 4
/** Of fewer rows a scan is nothing but the way to the server and back. */
const leastRows = 64
const queriesOfPart = 10

type Scan = Crossover['scans'][number]

/**
 * From how many rows on a search by the index, which takes `indexMs` now, is faster than an exact scan: parts of the table are
 * scanned, each a quarter of the one before, until one is as fast. With so few rows the index would be faster than it is now,
 * too, so its crossover lies at no more rows than that.
 * @param whole the scan of all rows.
 */
export async function findCrossover(
  bench: Bench,
  table: OwnTable,
  k: number,
  whole: Scan,
  indexMs: number,
): Promise<Crossover> {
  const scans = [whole]
  while (scans[0]!.ms > indexMs) {
    const rows = Math.floor(scans[0]!.rows / factor)
    if (rows < Math.max(leastRows, 2 * k)) break
    scans.unshift({ rows, ms: await scanPart(bench, table, k, rows) })
  }
  return { ...locate(scans, indexMs), indexMs, scans }
}

/** @param scans of at least one part, the smallest first; all but that take longer than the index. */
export function locate(scans: readonly Scan[], indexMs: number): Pick<Crossover, 'kind' | 'rows'> {
  const [least, next] = scans
  if (least!.ms > indexMs) return { kind: 'below', rows: least!.rows }
  if (next === undefined) return { kind: 'above', rows: least!.rows }
  const share = Math.log(indexMs / least!.ms) / Math.log(next.ms / least!.ms)
  return { kind: 'between', rows: Math.round(least!.rows * (next.rows / least!.rows) ** share) }
}

/** Median milliseconds of a search among the first rows that the table gives. */
async function scanPart(
  { server, snapshot }: Bench,
  table: OwnTable,
  k: number,
  rows: number,
): Promise<number> {
  const { relation, id, vector, where, type } = table
  const part = `(SELECT ${id}, ${vector} FROM ${relation}${where} LIMIT ${rows}) AS part`
  const search = searchStatement({ ...table, relation: part, where: '' }, k)
  const statement = { name: 'part', text: `${search}${ownMark}` }
  const session = await server.connect(exactSettings())
  try {
    const { data, dims, rows: queries } = snapshot.dataset.queries
    const times: number[] = []
    for (let i = 0; i <= queriesOfPart; i++) {
      const row = i % queries
      const parameter = encodeParameter(vectorFormats[type], data.subarray(row * dims, (row + 1) * dims))
      const start = performance.now()
      await session.searchIds(statement, parameter, {
        numberOf: () => 0,
        doing: 'scanning a part of the rows',
      })
      // The first reads the catalogue.
      if (i > 0) times.push(performance.now() - start)
    }
    return median(sortSamples(times))
  } finally {
    await session.close()
  }
}
