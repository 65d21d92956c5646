import type { Lane } from '../measure/lane.js'
import { closed } from '../measure/load/closed.js'
import type { Corpus, Knobs, Variant } from '../paths/search-path.js'
import type { Point } from './points.js'

/** What is searched at a point: the corpus of its design, in the variant that reaches the recall. */
export interface Subject {
  readonly corpus: Corpus
  readonly variant: Variant
}

/**
 * The lane of a point. Its sessions have the point's parameters and none that the path would force, so the planner
 * decides as it would for any client. All knobs stand in the variant, which tells the lane from the others.
 */
export function laneOf(point: Point, { corpus, variant }: Subject, arm: string): Lane {
  const { session } = point
  return {
    arm,
    corpus: { ...corpus, open: (_, server) => corpus.open(variant, server, session) },
    variant: { ...variant, ...session, ...point.server },
    load: closed(point.clients),
  }
}

/** Whether `corpus` was built for the design: it names all that the design does. */
export function isBuiltFor({ design }: Corpus, wanted: Knobs): boolean {
  return Object.entries(wanted).every(([name, value]) => design[name] === value)
}
