import { formatNumber } from '../result/numbers.js'
import type { BenchResult, Measurement } from '../result/schema.js'
import { isSearchKnob } from '../result/search-knobs.js'
import type { Estimate } from '../stats/difference.js'
import { type Column, column, findCommonParams, formatParams } from './columns.js'
import { groupByWork, isChoice, recallOf } from './frontier.js'

/** Recalls that readers ask for; what is exact by proof has a column of its own. */
export const recallTargets = [0.9, 0.95, 0.99] as const

/** What the tables are, in words. */
export const atRecallNote =
  'Interpolated between the two measured settings around the recall of the column, with 95 % intervals. With ≤ or ≥, ' +
  'every setting measured finds more; where none finds as much, there is a dash.'

/**
 * What a path costs at a recall.
 * - `between`: two measured settings lie around it.
 * - `atMost`: every setting measured finds more; this is the fastest of them.
 */
export interface AtRecall {
  readonly kind: 'between' | 'atMost'
  /** ms of one query. */
  readonly p50: Estimate
  readonly qps: Estimate
}

/** Rows that differ by nothing but how thoroughly they search. */
export interface Curve {
  /** The path, with what all its rows share. */
  readonly name: string
  /** By recall, the lowest first. */
  readonly rows: readonly Measurement[]
}

/** Curves that do the same work: the filter and the load, in words. */
export interface CurveGroup {
  readonly name: string
  readonly curves: readonly Curve[]
}

/**
 * Groups with something approximate in them; where all is exact, the table of rows says it all. Batches and cached answers are
 * left out: not every question can have them.
 */
export function groupCurves(result: BenchResult): CurveGroup[] {
  const common = findCommonParams(result)
  return groupByWork(result)
    .map(({ name, rows }) => ({ name, curves: listCurves(rows.filter(isChoice), common) }))
    .filter(({ curves }) => curves.some(({ rows }) => rows.some(({ exact }) => !exact)))
}

function listCurves(rows: readonly Measurement[], common: ReturnType<typeof findCommonParams>): Curve[] {
  const curves = new Map<string, Measurement[]>()
  for (const row of rows) {
    const fixed = Object.fromEntries(
      Object.entries(row.params).filter(([name]) => name !== 'filter' && !isSearchKnob(name)),
    )
    const settings = formatParams(fixed, common.get(row.id))
    const name = settings === '' ? row.id : `${row.id} ${settings}`
    curves.set(name, [...(curves.get(name) ?? []), row])
  }
  return [...curves].map(([name, found]) => ({
    name,
    rows: found.sort((a, b) => recallOf(a) - recallOf(b)),
  }))
}

/**
 * Speed at a recall, by the two neighbouring settings around it: linear in recall, and in the logarithm of the time. A setting
 * that another one beats in both is not asked: nobody would choose it.
 * @returns nothing where no setting finds as much.
 */
export function findAtRecall(curve: Curve, target: number): AtRecall | undefined {
  const rows = curve.rows.filter((row) => !curve.rows.some((other) => beats(other, row)))
  const above = rows.filter((row) => recallOf(row) >= target)
  const below = rows.findLast((row) => recallOf(row) < target)
  if (above.length === 0) return undefined
  if (below === undefined) {
    const fastest = above.reduce((best, row) => (p50Of(row).value < p50Of(best).value ? row : best))
    return { kind: 'atMost', p50: p50Of(fastest), qps: fastest.qps }
  }
  const next = above[0]!
  const at = placeBetween(below, next, target)
  return {
    kind: 'between',
    p50: interpolate(p50Of(below), p50Of(next), at),
    qps: interpolate(below.qps, next.qps, at),
  }
}

function beats(one: Measurement, other: Measurement): boolean {
  const [recall, p50] = [recallOf(one) - recallOf(other), p50Of(other).value - p50Of(one).value]
  return recall >= 0 && p50 >= 0 && (recall > 0 || p50 > 0)
}

const p50Of = ({ latencyMs }: Measurement): Estimate => ({
  value: latencyMs.p50,
  ci95: latencyMs.percentilesCi95.p50,
})

/** Where between two settings a recall lies, from 0 to 1, and within which ends, as both recalls have intervals. */
interface Place {
  readonly share: number
  readonly low: number
  readonly high: number
}

function placeBetween(below: Measurement, above: Measurement, target: number): Place {
  const shareBetween = (from: number, to: number) =>
    to <= from ? (target > from ? 1 : 0) : Math.min(1, Math.max(0, (target - from) / (to - from)))
  const [lowBelow, highBelow] = below.recall!.ci95
  const [lowAbove, highAbove] = above.recall!.ci95
  return {
    share: shareBetween(recallOf(below), recallOf(above)),
    low: shareBetween(highBelow, highAbove),
    high: shareBetween(lowBelow, lowAbove),
  }
}

/** The interval takes all ends of the four at once, so it is wider than 95 % needs; it never leaves those of the settings. */
function interpolate(from: Estimate, to: Estimate, { share, low, high }: Place): Estimate {
  const mix = (a: number, b: number, at: number) => Math.exp(Math.log(a) * (1 - at) + Math.log(b) * at)
  const ends = [low, share, high]
  const lows = ends.map((at) => mix(from.ci95[0], to.ci95[0], at))
  const highs = ends.map((at) => mix(from.ci95[1], to.ci95[1], at))
  return { value: mix(from.value, to.value, share), ci95: [Math.min(...lows), Math.max(...highs)] }
}

const figureTitles = { p50: 'p50 in ms at equal recall', qps: 'Queries per second at equal recall' } as const
/** Of what the columns tell. */
export type Figure = keyof typeof figureTitles

/** @param details what is only so in this table; empty ones are left out. */
export function titleAtRecall(figure: Figure, ...details: readonly string[]): string {
  return [figureTitles[figure], ...details].filter((part) => part !== '').join(', ')
}

/** A column for each target, and one for answers that are exact by proof and not by luck. */
export function listAtRecallColumns(figure: Figure): Column<Curve>[] {
  return [
    column('path', 'left', ({ name }) => name),
    ...recallTargets.map((target) =>
      column<Curve>(`at ${target}`, 'right', (curve) => formatAt(findAtRecall(curve, target), figure)),
    ),
    column('exact', 'right', ({ name, rows }) => {
      const exact = rows.filter((row) => row.exact)
      return exact.length === 0 ? '-' : formatEstimate(findAtRecall({ name, rows: exact }, 0)![figure])
    }),
  ]
}

/** The fastest at .95 first; what does not reach it comes last. */
export function sortCurves(curves: readonly Curve[]): Curve[] {
  const cost = (curve: Curve) => findAtRecall(curve, 0.95)?.p50.value ?? Number.MAX_VALUE
  return [...curves].sort((a, b) => cost(a) - cost(b))
}

function formatAt(at: AtRecall | undefined, figure: Figure): string {
  if (at === undefined) return '-'
  // The interval of a measured setting stands in its row.
  const sign = figure === 'p50' ? '≤' : '≥'
  return at.kind === 'atMost' ? `${sign} ${formatNumber(at[figure].value)}` : formatEstimate(at[figure])
}

function formatEstimate({ value, ci95 }: Estimate): string {
  const [low, high] = ci95.map(formatNumber)
  return `${formatNumber(value)} (${low} to ${high})`
}
