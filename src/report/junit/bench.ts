import type { ResultRow } from '../../result/schema.js'
import { nameRow, nameSetting } from '../columns.js'
import type { NamedResult } from '../side-by-side.js'
import { renderSuite, renderSuites, type Trouble } from './suite.js'

/**
 * A suite for each result with a case for each row: one that failed, or an exact one that missed a neighbour, is a failure; one that
 * cannot run here is skipped. Differences of two results are no failures: simdgres gate judges those.
 */
export function renderBenchJunit(results: readonly NamedResult[]): string {
  return renderSuites(
    results.map(({ name, result }) =>
      renderSuite(
        results.length > 1 ? `simdgres bench ${name}` : 'simdgres bench',
        result.durationMs,
        result.paths.map((row) => ({
          name: row.status === 'ok' ? nameRow(row) : nameSetting(row.id, row.params),
          trouble: judge(row),
        })),
      ),
    ),
  )
}

function judge(row: ResultRow): Trouble | undefined {
  if (row.status === 'failed') return { tag: 'failure', text: row.reason }
  if (row.status === 'unavailable') return { tag: 'skipped', text: row.reason }
  if (!row.exact || row.recall === undefined || row.recall.mean === 1) return undefined
  return { tag: 'failure', text: row.caveat ?? `an exact path has a recall of ${row.recall.mean}` }
}
