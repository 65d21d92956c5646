import { SimdgresError } from '../errors.js'
import { pathRows } from '../paths/registry.js'
import type { PathContext, PathId, PreparedVariant, SearchPath } from '../paths/search-path.js'
import type { Unavailable } from '../result/schema.js'
import { createSamples, type Lane } from './lane.js'
import { QueryCursor } from './query-cursor.js'

/** Paths that are loaded and indexed, and the rows of those that cannot run here. */
export interface PreparedPaths {
  readonly unavailable: readonly Unavailable[]
  /** A lane per variant; `order` is the sequence of query rows all of them see. */
  lanesOver(order: Uint32Array): Lane[]
  dispose(): Promise<void>
}

/** Prepares one path after the other: loading two at a time would time neither. */
export async function preparePaths(ids: readonly PathId[], context: PathContext): Promise<PreparedPaths> {
  const ready: { path: SearchPath; variants: readonly PreparedVariant[] }[] = []
  const unavailable: Unavailable[] = []
  const dispose = async () => {
    for (const { path } of ready) await path.dispose()
  }
  try {
    for (const id of ids) {
      const { create, exact } = pathRows[id]
      const refuse = (reason: string) =>
        unavailable.push({ id, params: {}, exact, status: 'unavailable', reason })
      if (typeof create !== 'function') {
        refuse(create.unavailable)
        continue
      }
      const path = create(context)
      const availability = await path.isAvailable()
      if (!availability.available) {
        refuse(availability.reason)
        continue
      }
      context.progress.note(`Preparing ${id}.`)
      const entry = { path, variants: [] as readonly PreparedVariant[] }
      // Before it is prepared: what a failing `prepare` opened has to be closed as well.
      ready.push(entry)
      entry.variants = await path.prepare()
    }
  } catch (error) {
    await dispose()
    throw error
  }
  if (ready.length === 0) {
    await dispose()
    throw noPathLeft(unavailable)
  }
  const lanesOver = (order: Uint32Array) =>
    ready.flatMap(({ path, variants }) =>
      variants.map((prepared) => ({
        path,
        prepared,
        cursor: new QueryCursor(context.dataset.queries, order, path.batchSize),
        samples: createSamples(),
      })),
    )
  return { unavailable, lanesOver, dispose }
}

function noPathLeft(unavailable: readonly Unavailable[]): SimdgresError {
  const reasons = unavailable.map(({ id, reason }) => `${id}: ${reason}`).join('\n  ')
  return new SimdgresError(
    'ERR_UNAVAILABLE',
    `None of the paths can run here:\n  ${reasons}`,
    'Follow one of the reasons, or choose other paths with --paths.',
  )
}
