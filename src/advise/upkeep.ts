import type { AdviceFinding } from '../result/advice.js'
import type { Facts } from './facts.js'

/** Autovacuum analyses after 50 rows and 10 % of them; twice that means that it does not come. */
const changedShare = 0.2
const changedRows = 100
/** Whatever the planner thinks of them. */
const fewRows = 100

/** The planner weighs an index against a scan by the statistics. */
export function checkStatistics({ statistics }: Facts): AdviceFinding[] {
  return statistics
    .filter(
      ({ rows, isAnalysed, changes }) =>
        rows >= fewRows && (!isAnalysed || changes > changedRows + changedShare * rows),
    )
    .map(({ relation, rows, isAnalysed, changes }) => ({
      code: 'statistics-stale',
      severity: 'warning',
      what: isAnalysed
        ? `${changes} rows were changed since its last ANALYZE, of about ${Math.round(rows)}`
        : `It was never analysed, and has about ${Math.round(rows)} rows`,
      where: relation,
      cure: { kind: 'sql', statements: [`ANALYZE ${relation}`], restart: false },
      expected:
        'The planner knows how many rows a condition lets pass, and so when an index on vectors is worth it. If it comes ' +
        'back, autovacuum is off or too slow for the table.',
    }))
}

/** What CREATE INDEX CONCURRENTLY leaves where it does not end: no search uses it, and every write pays for it. */
export function checkInvalidIndexes({ invalid, isStandby }: Facts): AdviceFinding[] {
  if (isStandby) return []
  return invalid
    .filter(({ isBusy }) => !isBusy)
    .map(({ relation, name, twin }) => ({
      code: 'index-invalid',
      severity: 'critical',
      what:
        `The index is not valid: its build did not end. No search uses it, and writes may have to keep it up` +
        (twin === null ? '' : `. ${twin} has the same definition and is valid`),
      where: `${name} on ${relation}`,
      cure: {
        kind: 'sql',
        statements: [
          twin === null ? `REINDEX INDEX CONCURRENTLY ${name}` : `DROP INDEX CONCURRENTLY ${name}`,
        ],
        restart: false,
        ...(twin === null && { caution: `DROP INDEX CONCURRENTLY ${name} if nobody needs it.` }),
      },
      expected: twin === null ? 'Searches can use it.' : 'Its space comes back, and writes are faster.',
    }))
}

/** Not valid yet, as far as can be told. */
export function describeBuilds({ invalid, isStandby }: Facts): string[] {
  if (isStandby) {
    return invalid.map(
      ({ name }) =>
        `Whether ${name} is left over: it is not valid, and a standby does not see whether the primary builds it now. Ask the primary.`,
    )
  }
  return invalid
    .filter(({ isBusy }) => isBusy)
    .map(
      ({ name, relation }) =>
        `Whether ${name} is left over: it is not valid, but a session holds the lock of a build or of vacuum on ${relation}. ` +
        'Look again when that ends.',
    )
}
