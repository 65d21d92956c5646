import { SimdgresError } from '../errors.js'
import type { PathContext } from '../paths/path-context.js'
import { createPath, findPathRow } from '../paths/registry.js'
import type { Corpus, Design, PathFacts, PathId } from '../paths/search-path.js'
import { explainFailure } from './failure.js'

/**
 * A path to be measured, and what is built for it: the path's own designs if none are given. What a given one leaves out is as
 * in the first of the path's own.
 */
export interface PathChoice {
  readonly id: PathId
  readonly designs?: readonly Design[]
}

/** A path or a design of it that cannot be measured here. */
export interface Refusal {
  readonly id: PathId
  readonly exact: boolean
  readonly design: Design
  readonly status: 'unavailable' | 'failed'
  readonly reason: string
}

/** What is loaded and indexed, and what could not be. */
export interface Corpora {
  readonly corpora: readonly Corpus[]
  readonly refusals: readonly Refusal[]
}

/**
 * Prepares one path after the other: loading two at a time would time neither. One that cannot be is refused, with its
 * reason, and the others go on. Approximate indexes are built `builds` times: chance has a part in each.
 * @throws ERR_UNAVAILABLE where none is left, or what kept the only one that was wanted.
 */
export async function prepareCorpora(
  choices: readonly PathChoice[],
  context: PathContext,
  builds = 1,
): Promise<Corpora> {
  const corpora: Corpus[] = []
  const refusals: Refusal[] = []
  const failures: unknown[] = []
  try {
    for (const choice of choices) {
      const refuse = (status: Refusal['status'], reason: string, design: Design = {}) =>
        refusals.push({ id: choice.id, exact: findPathRow(choice.id).exact, design, status, reason })
      const path = await createPath(choice.id, context)
      if ('unavailable' in path) {
        refuse('unavailable', path.unavailable)
        continue
      }
      const availability = await path.isAvailable()
      if (!availability.available) {
        refuse('unavailable', availability.reason)
        continue
      }
      context.progress.note(`Preparing ${choice.id}.`)
      for (const design of listDesigns(choice, path.designs())) {
        try {
          for (const build of numberBuilds(path, builds)) corpora.push(await path.prepare(design, build))
        } catch (error) {
          refuse('failed', await explainFailure(error, { ...context, workspace: context.workspace }), design)
          failures.push(error)
        }
      }
    }
    if (corpora.length === 0)
      throw failures.length === 1 && refusals.length === 1 ? failures[0] : nothingLeft(refusals)
    return { corpora, refusals }
  } catch (error) {
    for (const corpus of corpora) await corpus.dispose()
    throw error
  }
}

/** Each once, however it was spelt. */
function listDesigns({ designs }: PathChoice, usual: readonly Design[]): readonly Design[] {
  if (designs === undefined) return usual
  const complete = designs.map((given) => ({ ...usual[0], ...given }))
  return [...new Map(complete.map((design) => [JSON.stringify(design), design])).values()]
}

function numberBuilds({ exact, searches }: PathFacts, builds: number): readonly (number | undefined)[] {
  if (exact || !searches || builds === 1) return [undefined]
  return Array.from({ length: builds }, (_, i) => i + 1)
}

function nothingLeft(refusals: readonly Refusal[]): SimdgresError {
  const reasons = refusals.map(({ id, reason }) => `${id}: ${reason}`).join('\n  ')
  return new SimdgresError(
    'ERR_UNAVAILABLE',
    `None of the paths can run here:\n  ${reasons}`,
    'Follow one of the reasons, or choose other paths with --paths.',
  )
}
