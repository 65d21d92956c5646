import { SimdgresError } from '../errors.js'
import { runBench } from '../measure/bench.js'
import type { Control } from '../measure/experiment.js'
import { checkPromises } from '../measure/verdicts.js'
import type { GrowthPoint, GrowthRun } from '../result/capacity-schema.js'
import type { BenchResult, Measurement } from '../result/schema.js'
import { processorCacheBytes } from '../system/processor-cache.js'
import type { TargetChoice } from '../targets/choose.js'
import type { DeploySettings } from '../targets/target.js'
import type { Metric } from '../vectors/metric.js'

export interface GrowthRequest {
  /** Rows of each step, ascending. */
  readonly sizes: readonly number[]
  readonly dims: number
  readonly metric: Metric
  readonly k: number
  /** 1: exact answers. */
  readonly recall: number
  readonly seconds: number
  readonly threads: number
  /** Processors of the server: so many clients ask at once. */
  readonly clients: number
  readonly target: TargetChoice
  readonly url?: string
  readonly settings: DeploySettings
}

/** For p95 with ten calls beyond it, and a recall that is known to a thousandth or so. */
const queries = 400
const seed = 1

export const pathOf = (recall: number): string => (recall === 1 ? 'extension-index' : 'pgvector-hnsw')

/** Vectors with the spectrum of text embeddings: the first rows of a larger set are a smaller one. */
export const datasetOf = (rows: number, dims: number): string => `synthetic-${rows}x${dims}-text`

/**
 * Searches sets of growing size, each on a fresh server.
 * @throws ERR_UNAVAILABLE where the index cannot be had or does not reach the recall, ERR_CHECK_FAILED where an exact one misses.
 */
export async function measureGrowth(request: GrowthRequest, control: Control): Promise<GrowthRun> {
  const startedAt = new Date().toISOString()
  const points: GrowthPoint[] = []
  let environment: BenchResult['environment'] | undefined
  for (const rows of request.sizes) {
    control.progress.note(`${rows.toLocaleString('en-US')} rows of ${request.dims} dimensions`)
    const result = await measureSize(request, rows, control)
    points.push(readPoint(result, request, rows))
    environment = result.environment
  }
  const { dims, metric, k, recall } = request
  return {
    path: pathOf(recall),
    dims,
    metric,
    k,
    recall,
    startedAt,
    environment: environment!,
    cacheBytes: processorCacheBytes(),
    points,
  }
}

async function measureSize(request: GrowthRequest, rows: number, control: Control): Promise<BenchResult> {
  const { dims, metric, k, seconds, threads, clients, target, url, settings } = request
  const dataset = datasetOf(rows, dims)
  const { result } = await runBench(
    {
      profile: {
        name: 'capacity',
        summary: 'one size of a growth run',
        dataset,
        queries,
        k,
        rounds: 5,
        budgetMs: seconds * 1000,
        maxQueries: 20_000,
        warmUpMs: Math.min(3000, seconds * 500),
      },
      dataset,
      metric,
      queries,
      k,
      seed,
      threads,
      paths: [pathOf(request.recall)],
      clients: clients > 1 ? [1, clients] : [1],
      target,
      ...(url !== undefined && { url }),
      settings,
    },
    control,
  )
  checkPromises(result)
  return result
}

/** The fastest row of one client that finds enough, and the same row with all processors at work. */
function readPoint(result: BenchResult, request: GrowthRequest, rows: number): GrowthPoint {
  const { recall, clients } = request
  const path = pathOf(recall)
  const failed = result.paths.find((row) => row.status !== 'ok')
  const measured = result.paths.filter((row): row is Measurement => row.status === 'ok')
  const enough = measured
    .filter((row) => clientsOf(row) === 1 && (row.recall?.mean ?? 0) >= recall)
    .sort((a, b) => a.latencyMs.p50 - b.latencyMs.p50)
  const best = enough[0]
  if (best === undefined) {
    const reason = failed && 'reason' in failed ? `: ${failed.reason}` : ''
    throw new SimdgresError(
      'ERR_UNAVAILABLE',
      measured.length === 0
        ? `${path} could not be measured${reason}`
        : `No setting of ${path} that was measured finds ${recall} of the neighbours among ${rows} rows`,
      measured.length === 0 ? 'Run simdgres bench to see why.' : 'Ask for a lower --recall, or for exact.',
    )
  }
  const name = JSON.stringify(best.params)
  const all =
    measured.find((row) => clientsOf(row) === clients && JSON.stringify(row.params) === name) ?? best
  const { loading, indexBuild, latencyMs } = best
  return {
    rows,
    params: best.params,
    recall: best.recall?.mean ?? 0,
    meanMs: latencyMs.mean,
    p50Ms: latencyMs.p50,
    p95Ms: latencyMs.p95 ?? latencyMs.p50,
    loadMs: loading?.ms ?? 1,
    buildMs: indexBuild?.ms ?? 1,
    indexBytes: indexBuild?.bytes ?? 1,
    qps: { one: best.qps.value, all: all.qps.value, clients: all === best ? 1 : clients },
  }
}

const clientsOf = ({ load }: Measurement): number => (load.kind === 'closed' ? load.clients : 0)
