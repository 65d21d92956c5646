import type { Corpus, Knobs, PathId, Variant } from '../../paths/search-path.js'
import { nameLoad } from '../../result/load-name.js'
import type { Load } from '../load/load.js'

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

/** For messages: the path, its settings, and the load unless it is one client. */
export function nameLane(lane: Lane): string {
  return namePath(lane, paramsOf(lane))
}

/** Key and name that all builds of one design share. */
export function describeDesign(lane: Lane): { key: string; name: string } {
  const { build: _, ...params } = paramsOf(lane)
  return {
    key: JSON.stringify([lane.corpus.path.id, params, lane.load.shape]),
    name: namePath(lane, params),
  }
}

function namePath({ corpus: { path }, load }: Lane, params: Knobs): string {
  const settings = Object.entries(params).map(([name, value]) => `${name}=${value}`)
  return [path.id, ...settings, nameLoad(load.shape)].filter((part) => part !== '').join(' ')
}
