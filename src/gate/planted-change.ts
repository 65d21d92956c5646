import { SimdgresError } from '../errors.js'
import type { Lane } from '../measure/lane/lane.js'
import { findPathRow } from '../paths/registry.js'
import type { Corpus, PathId, Searcher } from '../paths/search-path.js'

/** Paths that our code has no part in. */
export const controlPaths: readonly PathId[] = ['null', 'pgvector-exact', 'sql']

/** What a self-test makes worse. */
export interface Plant {
  readonly pathId: PathId
  readonly metric: 'time' | 'recall'
  /** Of the time that a search takes, or of what it finds. */
  readonly share: number
}

/** As much as must not be overlooked. */
const plantedDelay = 0.05
/** Twice that: with the least number of builds a smaller loss may be called inconclusive. */
const plantedLoss = 0.01

/** A delay in the last exact path of ours, because those in this process have the least noise, and a loss in an approximate one. */
export function choosePlants(paths: readonly PathId[]): Plant[] {
  const slowed = paths.findLast((id) => !controlPaths.includes(id) && findPathRow(id).exact)
  const lossy = paths.findLast((id) => isApproximate(id))
  const plants: Plant[] = []
  if (slowed !== undefined) plants.push({ pathId: slowed, metric: 'time', share: plantedDelay })
  if (lossy !== undefined) plants.push({ pathId: lossy, metric: 'recall', share: plantedLoss })
  if (plants.length > 0) return plants
  throw new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    `A self-test makes a path of ours worse, and ${paths.join(', ')} are none`,
    'Add addon-exact or pgvector-hnsw to --paths.',
  )
}

/** Whether it promises less than recall 1: then it is another index each time it is built. */
export function isApproximate(id: PathId): boolean {
  const { exact, searches } = findPathRow(id)
  return !exact && searches
}

export function plantChanges(lanes: readonly Lane[], plants: readonly Plant[]): Lane[] {
  return lanes.map((lane) => {
    const plant = plants.find(({ pathId }) => pathId === lane.corpus.path.id)
    if (plant === undefined) return lane
    const spoil = plant.metric === 'time' ? delaySearches : loseNeighbours
    return { ...lane, corpus: spoil(lane.corpus, plant.share) }
  })
}

/** The corpus, made slower by a share of the time that each search takes: what a gate has to see. */
export function delaySearches(corpus: Corpus, share: number): Corpus {
  return wrapSearchers(corpus, (searcher) => delaySearcher(searcher, share))
}

/** The corpus, whose searches lose a share of what they find: the nearest row of one search in so many. */
export function loseNeighbours(corpus: Corpus, share: number): Corpus {
  return wrapSearchers(corpus, (searcher) => loseNearest(searcher, share))
}

function wrapSearchers(corpus: Corpus, wrap: (searcher: Searcher) => Searcher): Corpus {
  return new Proxy(corpus, {
    get(target, name) {
      if (name === 'open') {
        return async (...args: Parameters<Corpus['open']>) => wrap(await target.open(...args))
      }
      const own: unknown = Reflect.get(target, name)
      return typeof own === 'function' ? own.bind(target) : own
    },
  })
}

function delaySearcher(searcher: Searcher, share: number): Searcher {
  return {
    settings: searcher.settings,
    explain: (query) => searcher.explain(query),
    close: () => searcher.close(),
    async search(queries) {
      const start = performance.now()
      const hits = await searcher.search(queries)
      const end = performance.now() + (performance.now() - start) * share
      // A timer is a millisecond at least, which is more than many searches take.
      while (performance.now() < end);
      return hits
    },
  }
}

function loseNearest(searcher: Searcher, share: number): Searcher {
  let due = 0
  return {
    settings: searcher.settings,
    explain: (query) => searcher.explain(query),
    close: () => searcher.close(),
    async search(queries) {
      const found = await searcher.search(queries)
      return found.map((hits) => {
        due += share * hits.length
        if (due < 1) return hits
        due -= 1
        return hits.subarray(1)
      })
    },
  }
}
