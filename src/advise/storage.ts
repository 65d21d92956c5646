import type { AdviceFinding } from '../result/advice.js'
import { formatBytes } from '../result/numbers.js'
import type { Facts, VectorColumn } from './facts.js'
import { writeHalving } from './halves.js'
import { indexLimits, vectorBytes } from './vector-bytes.js'

/** TOAST_TUPLE_THRESHOLD: rows beyond it are made shorter, by moving their longest values out. */
const longestRow = 2032
/** MaxHeapTupleSize of pages of 8 KiB: what a page takes beside its header and the pointer to the row. */
const longestTuple = 8160
/** Before a value, so that it stands at a multiple of 4. */
const padding = 3
/** The longest value that TOAST leaves in its row; a pointer to one outside has 18 bytes. */
const leftInRow = 24
/** Fewer rows are scanned in no time, wherever they are. */
const fewRows = 500
/** The smallest table whose scan is worth an index. */
const rowsForIndex = 10_000

/** Vectors outside of their rows: an exact scan fetches each of them by an index of its own. */
export function checkStorage({ columns }: Facts): AdviceFinding[] {
  const moved = new Map<VectorColumn, number>()
  return columns.filter(isOutOfLine).flatMap((column) => {
    const others = columns.filter((one) => one.oid === column.oid && one !== column)
    const room = longestTuple - column.otherBytes - sum(others.map((one) => bytesInRow(one, moved)))
    const type = ([column.type, 'halfvec'] as const).find(
      (one) => vectorBytes(one, column.dims) + padding <= room,
    )
    if (type === undefined || (type !== column.type && column.type !== 'vector')) return []
    moved.set(column, vectorBytes(type, column.dims))
    return [describeMove(column, type === column.type ? keepType(column) : halve(column))]
  })
}

/** A vector that does not stay outside is in the row in full, whatever that comes to. */
function bytesInRow(column: VectorColumn, moved: ReadonlyMap<VectorColumn, number>): number {
  const { storage, type, dims } = column
  const own = storage === 'p' ? (dims === 0 ? longestTuple : vectorBytes(type, dims)) : undefined
  const bytes = moved.get(column) ?? own
  return bytes === undefined ? leftInRow : bytes + padding
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

function describeMove(
  { relation, column, type, dims, storage, toastBytes, rows }: VectorColumn,
  { statements, caution }: Move,
): AdviceFinding {
  return {
    code: 'vectors-out-of-line',
    severity: 'warning',
    what:
      `${type}(${dims}) has ${vectorBytes(type, dims)} bytes, more than a row keeps, so the vectors lie in the TOAST table ` +
      `(${formatBytes(toastBytes)}, ${Math.round(rows)} rows)${storage === 'p' ? '. Its storage is PLAIN, but rows of before were not rewritten' : ''}`,
    where: `${relation}.${column}`,
    cure: { kind: 'sql', statements, restart: false, caution },
    expected:
      'Exact scans, re-ranking and filters by distance read rows alone, which docs/benchmarks.md has figures of. ' +
      'Searches by an index, which has a copy of its own, change little.',
  }
}

interface Move {
  readonly statements: readonly string[]
  readonly caution: string
}

const locks = 'It rewrites the table under an ACCESS EXCLUSIVE lock: nobody reads or writes it meanwhile.'

function keepType({ relation, column }: VectorColumn): Move {
  const rewrite = `VACUUM (FULL, ANALYZE) ${relation}`
  return {
    statements: [`ALTER TABLE ${relation} ALTER COLUMN ${column} SET STORAGE PLAIN`, rewrite],
    caution:
      `${locks} A PLAIN vector never leaves its row: rows that columns of later make longer than a page are refused with "row is too big". ` +
      `Undo it then: ALTER TABLE ${relation} ALTER COLUMN ${column} SET STORAGE EXTERNAL; ${rewrite}.`,
  }
}

function halve(column: VectorColumn): Move {
  const halving = writeHalving(column)
  const rounding =
    'halfvec rounds each number to 16 bits, about 3 digits, for good, and a value beyond 65,504 stops the change. Queries have to cast ' +
    'their vector to halfvec.'
  if ('statements' in halving) {
    return {
      statements: halving.statements,
      caution: `${locks} Run it up to COMMIT in one transaction; any error leaves all as it was. ${rounding}`,
    }
  }
  return {
    statements: [],
    caution:
      `It takes ALTER COLUMN ${column.column} TYPE halfvec(${column.dims}) and SET STORAGE PLAIN, which needs a hand because of: ` +
      `${halving.obstacles.join('; ')}. Drop these and write them anew for halfvec in the same transaction. ${locks} ${rounding}`,
  }
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
