import { findComparable, listDifferences } from '../result/differences.js'
import { nameLoad } from '../result/load-name.js'
import { formatNumber, formatRecall } from '../result/numbers.js'
import type { BenchResult, Measurement } from '../result/schema.js'
import { differenceP, type Estimate, expOf, logOf, subtractEstimates } from '../stats/difference.js'
import { adjustByHolm } from '../stats/holm.js'
import { rowKey } from './changes.js'
import { type Column, column, formatParams, nameRow, sortRows } from './columns.js'
import { addDrift, usualDrift } from './drift.js'

/** A result and what it is called where several stand side by side. */
export interface NamedResult {
  readonly name: string
  readonly result: BenchResult
}

/** A row whose figure is significantly another one in the later of two results. */
export interface Change {
  readonly row: string
  readonly figure: 'p50' | 'recall'
  /** Of p50: how many times as long it takes. Of a recall: what was added to it. */
  readonly difference: Estimate
  /** What it was and is, and by how much, with the interval. */
  readonly text: string
}

export interface SideBySide {
  readonly first: string
  readonly other: string
  /** What keeps the two from being compared, each with the next step. */
  readonly obstacles: readonly string[]
  /** Figures that both have and that were compared. */
  readonly compared: number
  readonly changes: readonly Change[]
}

/** The chance that even one difference of two results is named where there is none. */
const errorRate = 0.05
/** Of results that do not say it: those of the quick profile. */
const usualRounds = 10

/** Printed wherever two results are compared. */
export const driftNote =
  `Intervals of a run are of chance within it; those of a ratio count that a quiet machine drifts by ${usualDrift * 100} % between runs, ` +
  'and a busy one drifts by more (docs/benchmarks.md): simdgres gate measures two versions in one run.'

/** Each of the others beside the first. */
export function compareResults([first, ...others]: readonly NamedResult[]): SideBySide[] {
  if (first === undefined) return []
  return others.map((other) => comparePair(first, other))
}

function comparePair(first: NamedResult, other: NamedResult): SideBySide {
  const compared = {
    before: first.result,
    now: other.result,
    names: [first.name, other.name] as const,
  }
  const may = findComparable(compared)
  const degrees = Math.min(roundsOf(first.result), roundsOf(other.result)) - 1
  const earlier = new Map(measured(first.result).map((row) => [rowKey(row), row]))
  const candidates = measured(other.result).flatMap((row) => {
    const old = earlier.get(rowKey(row))
    if (old === undefined) return []
    return [
      ...(may.speeds ? [compareMedians(old, row, degrees)] : []),
      ...(may.recalls ? compareRecalls(old, row) : []),
    ]
  })
  const adjusted = adjustByHolm(candidates.map(({ p }) => p))
  return {
    ...{ first: first.name, other: other.name },
    obstacles: listDifferences(compared),
    compared: candidates.length,
    changes: candidates
      .filter((_, i) => adjusted[i]! <= errorRate)
      .map(({ row, figure, difference, text }) => ({ row, figure, difference, text })),
  }
}

interface Candidate extends Change {
  readonly p: number
}

function compareMedians(old: Measurement, row: Measurement, degrees: number): Candidate {
  const [before, now] = [old, row].map(({ latencyMs: { p50, percentilesCi95 } }) =>
    logOf({ value: p50, ci95: percentilesCi95.p50 }),
  ) as [Estimate, Estimate]
  const logs = addDrift(subtractEstimates(now, before))
  const difference = expOf(logs)
  const [low, high] = difference.ci95
  return {
    ...{ row: nameRow(row), figure: 'p50', difference },
    text:
      `p50 ${formatNumber(old.latencyMs.p50)} → ${formatNumber(row.latencyMs.p50)} ms, ` +
      `${difference.value.toFixed(2)} times (${low.toFixed(2)} to ${high.toFixed(2)})`,
    p: differenceP(logs, degrees),
  }
}

/** Two exact rows have one recall. */
function compareRecalls(old: Measurement, row: Measurement): Candidate[] {
  if (old.recall === undefined || row.recall === undefined || (old.exact && row.exact)) return []
  const [before, now] = [old.recall, row.recall].map(({ mean, ci95 }) => ({ value: mean, ci95 })) as [
    Estimate,
    Estimate,
  ]
  const difference = subtractEstimates(now, before)
  const [low, high] = difference.ci95.map(formatSigned)
  return [
    {
      ...{ row: nameRow(row), figure: 'recall', difference },
      text:
        `recall ${formatRecall(before.value)} → ${formatRecall(now.value)}, ` +
        `${formatSigned(difference.value)} (${low} to ${high}, over queries of one build)`,
      p: differenceP(difference, Math.min(old.distinctQueries, row.distinctQueries) - 1),
    },
  ]
}

const formatSigned = (value: number) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(4)}`
const roundsOf = ({ request }: BenchResult) => request?.profile.rounds ?? usualRounds
const measured = ({ paths }: BenchResult) => paths.filter((row) => row.status === 'ok')

/** How much of what both have differs; the differences are in `changes`. */
export function describePair({ first, other, compared, changes, obstacles }: SideBySide): string {
  if (compared === 0) {
    return obstacles.length > 0
      ? `Nothing of ${other} is compared with ${first}.`
      : `${other} measured no row of ${first} again.`
  }
  const found =
    changes.length === 0 ? 'none differs' : `${changes.length} ${changes.length === 1 ? 'differs' : 'differ'}`
  return (
    `${other} beside ${first}: of ${compared} figures that both have, ${found} significantly ` +
    '(5 % for all of them together, by Holm; 95 % intervals).'
  )
}

/** What a reader is told of all pairs: first what no interval says. */
export function describePairs(pairs: readonly SideBySide[]): string[] {
  return [
    driftNote,
    ...pairs.flatMap((pair) => [
      describePair(pair),
      ...pair.changes.map(({ row, text }) => `${row}: ${text}`),
    ]),
  ]
}

/** A row of the table of several results: what each of them has measured of it. */
export interface SharedRow {
  readonly id: string
  readonly params: Measurement['params']
  readonly load: string
  readonly measured: ReadonlyMap<string, Measurement>
}

/** In the order of the first result that has it. */
export function joinRows(results: readonly NamedResult[]): SharedRow[] {
  const joined = new Map<
    string,
    { id: string; params: Measurement['params']; load: string; measured: Map<string, Measurement> }
  >()
  for (const { name, result } of results) {
    for (const row of sortRows(result)) {
      const key = rowKey(row)
      const shared = joined.get(key) ?? {
        id: row.id,
        params: row.params,
        load: nameLoad(row.load),
        measured: new Map(),
      }
      shared.measured.set(name, row)
      joined.set(key, shared)
    }
  }
  return [...joined.values()]
}

/** Recall before speed, of each result. */
export function listSharedColumns(results: readonly NamedResult[]): Column<SharedRow>[] {
  const figure = (name: string, title: string, read: (row: Measurement) => string) =>
    column<SharedRow>(`${name} ${title}`, 'right', ({ measured }) => {
      const row = measured.get(name)
      return row === undefined ? '-' : read(row)
    })
  return [
    column('path', 'left', ({ id }) => id),
    column('settings', 'left', ({ params, load }) => [formatParams(params), load].filter(Boolean).join(' ')),
    ...results.map(({ name }) =>
      figure(name, 'recall', ({ recall }) => (recall === undefined ? '-' : formatRecall(recall.mean))),
    ),
    ...results.map(({ name }) => figure(name, 'p50 ms', ({ latencyMs }) => formatNumber(latencyMs.p50))),
    ...results.map(({ name }) => figure(name, 'qps', ({ qps }) => formatNumber(qps.value))),
  ]
}
