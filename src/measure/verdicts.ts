import { SimdgresError } from '../errors.js'
import type { PathId } from '../paths/search-path.js'
import type { BenchResult, Measurement, ResultRow } from '../result/schema.js'

/**
 * ERR_CHECK_FAILED if a path that promises exact results missed a neighbour; for after the result is written. Where the
 * data is beyond the range of the path's arithmetic, that is what it says.
 */
export function checkPromises(result: BenchResult): void {
  const broken = result.paths.flatMap((row) =>
    row.status === 'ok' && row.exact && hasMissed(row) ? [row] : [],
  )
  if (broken.length === 0) return
  const unexplained = broken.filter(({ caveat }) => caveat === undefined)
  const [first] = broken
  if (unexplained.length === 0 && first?.caveat !== undefined) {
    throw new SimdgresError(
      'ERR_CHECK_FAILED',
      `Exact paths missed neighbours, because of the range of these vectors: ${nameRows(broken)}`,
      first.caveat,
    )
  }
  throw new SimdgresError(
    'ERR_CHECK_FAILED',
    `Exact paths missed neighbours: ${nameRows(unexplained)}`,
    'Compare the rows of the result; SIMDGRES_ISA=scalar shows whether a kernel is at fault.',
  )
}

/** In its rounds, or while rows were inserted. */
function hasMissed({ recall, inserting }: Measurement): boolean {
  return [recall, inserting?.recall].some((one) => one !== undefined && one.mean !== 1)
}

function nameRows(rows: readonly ResultRow[]): string {
  return rows.map((row) => `${row.id} ${JSON.stringify(row.params)}`).join(', ')
}

/**
 * For after the result is written. ERR_ABORTED if the run was stopped before its end; ERR_INCOMPLETE if a row failed, or
 * a path of `named`, which was asked for by name, could not run here.
 */
export function checkCompleteness(result: BenchResult, named: readonly PathId[]): void {
  if (!result.isComplete) {
    throw new SimdgresError(
      'ERR_ABORTED',
      'The run was stopped before its end: the result holds what was measured until then',
      'Start it again for the whole result.',
    )
  }
  const missing = result.paths.filter(
    ({ id, status }) => status === 'failed' || (status === 'unavailable' && named.includes(id)),
  )
  if (missing.length === 0) return
  throw new SimdgresError(
    'ERR_INCOMPLETE',
    `Not all that was asked for could be measured: ${missing.map(nameRow).join(', ')}`,
    'Follow the reasons below the table, or leave these paths out with --paths.',
  )
}

function nameRow({ id, params }: ResultRow): string {
  return Object.keys(params).length === 0 ? id : `${id} ${JSON.stringify(params)}`
}
