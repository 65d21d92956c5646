import type { PreparedArm } from '../measure/arm.js'
import type { Lane } from '../measure/lane/lane.js'
import { closed } from '../measure/load/closed.js'
import type { Corpus, Knobs, Variant } from '../paths/search-path.js'
import { asIsVariant } from '../paths/server-path.js'
import { recallKnobs } from './knobs.js'
import type { Point } from './points.js'

export type VariantsOf = (corpus: Corpus) => readonly Variant[]

/**
 * The lane of a point: the corpus of its design, in the variant that reaches the recall. Undefined where it was not built. Its sessions have the point's parameters and none that the path would force, so the planner
 * decides as it would for any client. All knobs stand in the variant, which tells the lane from the others.
 */
export function findLane(point: Point, arm: PreparedArm, variantsOf: VariantsOf): Lane | undefined {
  const corpus = arm.corpora.find((built) => built.path.id === point.path && isBuiltFor(built, point.design))
  if (corpus === undefined) return undefined
  const { session } = point
  const isGiven = recallKnobs.some((name) => name in session)
  // A ladder is one of a recall. Without one there is nothing to choose, and nothing is to be forced.
  const variant = corpus.ladders === undefined ? asIsVariant : isGiven ? {} : variantsOf(corpus)[0]!
  return {
    arm: arm.arm.name,
    corpus: { ...corpus, open: (_, server) => corpus.open(variant, server, session) },
    variant: { ...variant, ...session, ...point.server },
    load: closed(point.clients),
  }
}

/** Whether `corpus` was built for the design: it names all that the design does. */
function isBuiltFor({ design }: Corpus, wanted: Knobs): boolean {
  return Object.entries(wanted).every(([name, value]) => design[name] === value)
}
