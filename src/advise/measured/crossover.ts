import { throwIfAborted } from '../../errors.js'
import { exactSettings, vectorFormats } from '../../paths/own-table/searches.js'
import { type OwnTable, ownMark, searchStatement } from '../../paths/own-table/table.js'
import type { Session } from '../../paths/server/session.js'
import { encodeParameter } from '../../paths/server/vector-codec.js'
import type { Crossover } from '../../result/advice.js'
import { median, sortSamples } from '../../stats/samples.js'
import type { Bench } from './steps.js'

/** A part is never scanned by several processes, so the whole is not either. */
const alone = { max_parallel_workers_per_gather: '0' }
/** Each part is a quarter of the one before. */
const factor = 4
/** Of fewer rows a scan is nothing but the way to the server and back. */
const leastRows = 64
const queriesOfPart = 10

type Scan = Crossover['scans'][number]

/**
 * From how many rows on a search by the index, which takes `indexMs` now, is faster than an exact scan: parts of the table are
 * scanned, each a quarter of the one before, until one is as fast. All scans are of one process. With so few rows the index would be faster than it is now,
 * too, so its crossover lies at no more rows than that.
 * @param whole the scan of all rows, by `scanRows`.
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
    scans.unshift(await scanRows(bench, table, k, rows))
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

/** Median time of a search among the first `rows` that the table gives, by one process of the server. */
export async function scanRows(
  { server, snapshot, signal }: Bench,
  table: OwnTable,
  k: number,
  rows: number,
): Promise<Scan> {
  const { relation, id, vector, where, type } = table
  const part = `(SELECT ${id}, ${vector} FROM ${relation}${where} LIMIT ${rows}) AS part`
  const search = searchStatement({ ...table, relation: part, where: '' }, k)
  const statement = { name: 'part', text: `${search}${ownMark}` }
  const scan = async (session: Session) => {
    const { data, dims, rows: queries } = snapshot.dataset.queries
    const times: number[] = []
    for (let i = 0; i <= queriesOfPart; i++) {
      throwIfAborted(signal)
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
    return { rows, ms: median(sortSamples(times)) }
  }
  return server.inTransaction(scan, { ...exactSettings(), ...alone })
}
