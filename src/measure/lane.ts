import type { Corpus, Knobs, PathId, Variant } from '../paths/search-path.js'
import type { Load } from './load/load.js'

/** One row of the report: a corpus of one arm, searched in one variant under one load. */
export interface Lane {
  readonly arm: string
  readonly corpus: Corpus
  readonly variant: Variant
  readonly load: Load
}

/** What tells a row from others of its path: what was built, and how it is searched. */
export function paramsOf({ corpus: { design, build }, variant }: Lane): Knobs {
  return { ...design, ...(build !== undefined && { build }), ...variant }
}

/** The same for lanes that measure the same in different arms; that of another path's counterpart with its `id`. */
export function rowKey(lane: Lane, id: PathId = lane.corpus.path.id): string {
  return JSON.stringify([id, paramsOf(lane), lane.load.shape])
}

/** For messages: the path and its settings. */
export function nameLane(lane: Lane): string {
  const settings = Object.entries(paramsOf(lane)).map(([name, value]) => `${name}=${value}`)
  return [lane.corpus.path.id, ...settings].join(' ')
}
