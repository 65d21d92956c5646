import type { Corpus, Searcher } from '../../paths/search-path.js'
import type { ColdStart } from '../../result/row-studies.js'
import { median, sortSamples } from '../../stats/samples.js'
import type { PreparedArm } from '../arm.js'
import type { Lane } from '../lane/lane.js'
import type { StudyContext } from './candidates.js'

/** Searches of one session behind a restart: the first, and those that tell how soon the others are quick. */
const searches = 10

/** All but the time of the row itself. */
export type MeasuredCold = Omit<ColdStart, 'warmMs'>

/**
 * What the first search after a restart costs, for each lane: the server is restarted for every one of them, because a search
 * warms what others read as well. Queries differ from restart to restart.
 */
export async function measureCold(
  arm: PreparedArm,
  lanes: readonly Lane[],
  restarts: number,
  context: StudyContext,
): Promise<Map<Lane, MeasuredCold>> {
  const { progress } = context
  const found = new Map<Lane, ColdStartOf[]>()
  const total = restarts * lanes.length
  for (let restart = 0; restart < restarts; restart++) {
    for (const [i, lane] of lanes.entries()) {
      progress.step('Restarting the server for first searches', restart * lanes.length + i, total)
      const start = await searchOnce(arm, lane, restart, context)
      found.set(lane, [...(found.get(lane) ?? []), start])
    }
  }
  progress.step('Restarting the server for first searches', total, total)
  return new Map([...found].map(([lane, starts]) => [lane, summarise(starts)]))
}

interface ColdStartOf {
  readonly leftBytes: number | undefined
  readonly isDropped: boolean
  readonly connectMs: number
  readonly firstMs: number
  readonly nextMs: number
}

async function searchOnce(
  arm: PreparedArm,
  { corpus, variant }: Lane,
  restart: number,
  { queries, signal }: StudyContext,
): Promise<ColdStartOf> {
  const dropped = await arm.restartCold()
  signal.throwIfAborted()
  const openMs = performance.now()
  const searcher = await (corpus.openFirst as NonNullable<Corpus['openFirst']>)(variant)
  const connectMs = performance.now() - openMs
  try {
    const times: number[] = []
    for (let i = 0; i < searches; i++) {
      times.push(await timeSearch(searcher, (restart * searches + i) % queries.rows, queries))
    }
    return {
      leftBytes: dropped?.leftBytes,
      isDropped: dropped !== undefined,
      connectMs,
      firstMs: times[0]!,
      nextMs: median(sortSamples(times.slice(1))),
    }
  } finally {
    await searcher.close()
  }
}

async function timeSearch(
  searcher: Searcher,
  row: number,
  { data, dims }: StudyContext['queries'],
): Promise<number> {
  const query = data.subarray(row * dims, (row + 1) * dims)
  const start = performance.now()
  await searcher.search(query)
  return performance.now() - start
}

function summarise(starts: readonly ColdStartOf[]): MeasuredCold {
  const left = starts.flatMap(({ leftBytes }) => leftBytes ?? [])
  return {
    restarts: starts.length,
    pageCache: starts.every(({ isDropped }) => isDropped) ? 'dropped' : 'kept',
    ...(left.length > 0 && { pageCacheLeftBytes: Math.max(...left) }),
    connectMs: starts.map(({ connectMs }) => connectMs),
    firstMs: starts.map(({ firstMs }) => firstMs),
    nextMs: starts.map(({ nextMs }) => nextMs),
  }
}
