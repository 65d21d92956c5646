import type { AdviceFinding } from '../result/advice.js'
import { formatBytes } from '../result/numbers.js'
import type { Facts, VectorColumn } from './facts.js'
import { indexLimits, vectorBytes } from './vector-bytes.js'

/** TOAST_TUPLE_THRESHOLD: rows beyond it are made shorter, by moving their longest values out. */
const longestRow = 2032
/** MaxHeapTupleSize, less the header of a row and a key. */
const longestPlain = 8160 - 24 - 8
/** Fewer rows are scanned in no time, wherever they are. */
const fewRows = 500
/** The smallest table whose scan is worth an index. */
const rowsForIndex = 10_000

/** Vectors outside of their rows: an exact scan fetches each of them by an index of its own. */
export function checkStorage({ columns }: Facts): AdviceFinding[] {
  return columns.filter(isOutOfLine).flatMap((column) => {
    const { relation, type, dims, storage, toastBytes, rows } = column
    const statements = moveIntoRows(column)
    if (statements === undefined) return []
    const isPlain = storage === 'p'
    return [
      {
        code: 'vectors-out-of-line',
        severity: 'warning',
        what:
          `${type}(${dims}) has ${vectorBytes(type, dims)} bytes, more than a row keeps, so the vectors lie in the TOAST table ` +
          `(${formatBytes(toastBytes)}, ${Math.round(rows)} rows)${isPlain ? '. Its storage is PLAIN, but rows of before were not rewritten' : ''}`,
        where: `${relation}.${column.column}`,
        cure: {
          ...{ kind: 'sql', statements, restart: false },
          caution:
            'It rewrites the table under an ACCESS EXCLUSIVE lock: nobody reads or writes it meanwhile.',
        },
        expected:
          'Exact scans, re-ranking and filters by distance read rows alone: 5 times faster at 512 dimensions in our runs. ' +
          'Searches by an index, which has a copy of its own, change little.',
      },
    ]
  })
}

/** The heap has no room for them. */
function isOutOfLine({ type, dims, rows, heapBytes, toastBytes }: VectorColumn): boolean {
  const bytes = vectorBytes(type, dims)
  return (
    bytes > longestRow - 24 &&
    rows >= fewRows &&
    heapBytes < 0.5 * rows * bytes &&
    toastBytes > 0.5 * rows * bytes
  )
}

function moveIntoRows({ relation, column, type, dims, indexes }: VectorColumn): string[] | undefined {
  if (vectorBytes(type, dims) <= longestPlain) {
    return [
      `ALTER TABLE ${relation} ALTER COLUMN ${column} SET STORAGE PLAIN`,
      `VACUUM (FULL, ANALYZE) ${relation}`,
    ]
  }
  if (type !== 'vector' || vectorBytes('halfvec', dims) > longestPlain) return undefined
  return [
    ...indexes.map(({ name }) => `DROP INDEX ${name}`),
    `ALTER TABLE ${relation} ALTER COLUMN ${column} TYPE halfvec(${dims}) USING ${column}::halfvec(${dims}), ` +
      `ALTER COLUMN ${column} SET STORAGE PLAIN`,
    ...indexes
      .filter(({ operatorClass }) => /^(half)?vec(tor)?_/.test(operatorClass))
      .map(({ method, operatorClass }) => {
        const ofHalves = operatorClass.replace(/^vector_/, 'halfvec_')
        return `CREATE INDEX ON ${relation} USING ${method} (${column} ${ofHalves})`
      }),
  ]
}

/** More dimensions than an index takes, and none over an expression that has fewer bytes. */
export function checkDims({ columns }: Facts): AdviceFinding[] {
  return columns
    .filter(
      ({ type, dims, rows, indexes }) =>
        dims > indexLimits[type] && rows >= rowsForIndex && indexes.length === 0,
    )
    .map(({ relation, column, type, dims, rows }) => {
      const asHalves = type === 'vector' && dims <= indexLimits.halfvec
      const expression = asHalves ? `${column}::halfvec(${dims})` : `binary_quantize(${column})::bit(${dims})`
      return {
        code: 'dims-over-index-limit',
        severity: 'warning',
        what: `${type}(${dims}) is beyond the ${indexLimits[type]} dimensions that HNSW and IVFFlat take, and ${Math.round(rows)} rows have no index`,
        where: `${relation}.${column}`,
        cure: {
          kind: 'sql',
          statements: [
            `CREATE INDEX CONCURRENTLY ON ${relation} USING hnsw ((${expression}) ${asHalves ? 'halfvec_l2_ops' : 'bit_hamming_ops'})`,
          ],
          restart: false,
          caution: asHalves
            ? `Take the class of your operator, and order by ${expression} <-> the query as halfvec(${dims}).`
            : `Order by ${expression} <~> the query's bits in a sub-select of some hundred rows, and those by the distance.`,
        },
        expected: 'Searches read a few hundred rows in place of all.',
      }
    })
}
