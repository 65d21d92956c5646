import { findPathRow } from '../paths/registry.js'
import { formatCount, formatDuration, formatMargin, formatNumber, formatRecall } from '../result/numbers.js'
import type { TunePoint, TuneResult } from '../result/tune-schema.js'
import { type Column, column, formatParams } from './columns.js'

/** What a knob is set to at a point: `–` where it says nothing to the path. */
export function readValue({ design, server, session }: TunePoint, knob: string): string {
  const value = design[knob] ?? server[knob] ?? session[knob]
  return value === undefined ? '–' : String(value)
}

const ifOk = (point: TunePoint, text: (ok: Extract<TunePoint, { status: 'ok' }>) => string): string =>
  point.status === 'ok' ? text(point) : '–'

/** A row for each point: path, knobs, load, and what was measured. */
export function listTuneColumns({ knobs, points }: TuneResult): Column<TunePoint>[] {
  const variants = [...new Set(points.flatMap(({ variant }) => Object.keys(variant)))]
  return [
    column('path', 'left', ({ path }) => path),
    ...knobs.map(({ name }) => column<TunePoint>(name, 'right', (point) => readValue(point, name))),
    ...variants.map((name) =>
      column<TunePoint>(name, 'right', ({ variant }) => String(variant[name] ?? '–')),
    ),
    column('clients', 'right', ({ clients }) => String(clients)),
    column('QPS', 'right', (point) =>
      ifOk(point, ({ qps }) => `${formatNumber(qps.value)} ± ${formatMargin(qps.value, qps.ci95)}`),
    ),
    column('p50 ms', 'right', (point) => ifOk(point, ({ latencyMs }) => formatNumber(latencyMs.p50))),
    column('p95 ms', 'right', (point) =>
      ifOk(point, ({ latencyMs: { p95 } }) => (p95 === undefined ? '–' : formatNumber(p95))),
    ),
    column('p99 ms', 'right', (point) =>
      ifOk(point, ({ latencyMs: { p99 } }) => (p99 === undefined ? '–' : formatNumber(p99))),
    ),
    column('recall', 'right', (point) =>
      ifOk(point, ({ recall }) =>
        recall === undefined
          ? '–'
          : `${formatRecall(recall.mean)} (${recall.ci95.map(formatRecall).join('–')})`,
      ),
    ),
    column('workers', 'right', (point) => ifOk(point, ({ plan }) => String(plan?.workersLaunched ?? '–'))),
  ]
}

/** In the order of paths and clients, so that what is compared stands together. */
export function sortPoints({ points, knobs }: TuneResult): TunePoint[] {
  const paths = [...new Set(points.map(({ path }) => path))]
  const rank = (point: TunePoint) => [
    paths.indexOf(point.path),
    point.clients,
    ...knobs.map(({ name, values }) => values.indexOf(readValue(point, name))),
  ]
  return [...points].sort((a, b) => {
    const [first, second] = [rank(a), rank(b)]
    const differing = first.findIndex((value, i) => value !== second[i])
    return differing === -1 ? 0 : first[differing]! - second[differing]!
  })
}

type Effect = TuneResult['effects'][number]
export const effectColumns: readonly Column<Effect>[] = [
  column('path', 'left', ({ path }) => path),
  column('clients', 'right', ({ clients }) => String(clients)),
  column('knob', 'left', ({ knob }) => knob),
  column('value', 'right', ({ value }) => value),
  column('throughput, mean of all = 1', 'right', ({ ratio }) => ratio.toFixed(2)),
]

type Importance = TuneResult['importance'][number]
export const importanceColumns: readonly Column<Importance>[] = [
  column('path', 'left', ({ path }) => path),
  column('clients', 'right', ({ clients }) => String(clients)),
  column('knob', 'left', ({ knob }) => knob),
  column('explains', 'right', ({ share }) => `${Math.round(share * 100)} %`),
]

/** First lines of every report of a tuning run. */
export function describeTuning({
  dataset,
  environment,
  durationMs,
  mode,
  seed,
  isComplete,
}: TuneResult): string[] {
  const limits = environment.limits
  return [
    `${dataset.name}: ${formatCount(dataset.rows)} x ${dataset.dims}, ${dataset.metric}, k = ${dataset.k}`,
    `${environment.cpu}, ${environment.cores} cores; PostgreSQL ${environment.postgres ?? '–'} (${environment.target}` +
      `${limits === undefined ? '' : `, ${limits.cpus} processors, ${Math.round(limits.memoryBytes / 1024 ** 2)} MB`})`,
    `${mode === 'grid' ? 'All combinations' : 'Search'}, seed ${seed}, ${formatDuration(durationMs)}` +
      `${isComplete ? '' : '; stopped before its end: points are missing'}`,
  ]
}

/** What it has cost. */
export function describeCost({ cost }: TuneResult): string {
  const { deployments, restarts, restartMs, measureMs, measurements } = cost
  const count = (value: number, what: string) => `${formatCount(value)} ${what}${value === 1 ? '' : 's'}`
  return (
    `${count(measurements, 'measurement')} in ${formatDuration(measureMs)}, ${count(restarts, 'restart')} in ` +
    `${formatDuration(restartMs)}, ${count(deployments, 'deployment')}`
  )
}

/** Settings that are results because they do not work. Of several points with one reason, the first stands for all. */
export function describeFailures(result: TuneResult): string[] {
  const failed = sortPoints(result).filter((point) => point.status === 'failed')
  const reasons = new Map<string, TunePoint[]>()
  for (const point of failed) {
    const { reason } = point as Extract<TunePoint, { status: 'failed' }>
    reasons.set(reason, [...(reasons.get(reason) ?? []), point])
  }
  return [...reasons].map(([reason, points]) => {
    const [first] = points as [TunePoint]
    const named = formatParams({ ...first.server, ...first.session, ...first.design })
    const others = points.length === 1 ? '' : ` and ${points.length - 1} more`
    return `${first.path} ${named} with ${first.clients} clients${others}: ${reason}`
  })
}

/** Points whose recall is not known to reach what was asked for. */
export function describeShortRecalls({ points, recallTarget }: TuneResult): string[] {
  const short = points.filter(
    (point) =>
      point.status === 'ok' &&
      !findPathRow(point.path).exact &&
      point.recall !== undefined &&
      point.recall.ci95[0] < recallTarget,
  )
  const paths = [...new Set(short.map(({ path }) => path))]
  return paths.map((path) => {
    const count = short.filter((point) => point.path === path).length
    return `${path}: ${count} points whose recall may be below ${recallTarget}`
  })
}
