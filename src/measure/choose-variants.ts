import type { Dataset } from '../datasets/dataset.js'
import { SimdgresError, throwIfAborted } from '../errors.js'
import type { Corpus, Variant } from '../paths/search-path.js'
import type { Progress } from '../progress.js'
import { mean } from '../stats/samples.js'
import { queryRecall } from './recall.js'
import { type Truths, truthOf } from './truths.js'

/** Recalls that readers ask for. A table that has no row on either side of one says nothing about it. */
const aims = [0.9, 0.95, 0.99]
/** Their recall is known to about half a per cent, which is less than a step of a ladder makes. */
const sampledQueries = 200
/** A step counts as beyond an aim where it is so by this many standard errors. */
const standardErrors = 2

export interface ChoiceContext extends Truths {
  readonly dataset: Dataset
  readonly progress: Progress
  readonly signal: AbortSignal
}

/**
 * The variants of a corpus that are worth a row: of a ladder, the steps on both sides of each aim, by the recall that a
 * sample of the queries has here. Another data set has other ones.
 * @param targets recalls to reach instead: of each, the fastest step that does, or the last where none does.
 */
export async function chooseVariants(
  corpus: Corpus,
  context: ChoiceContext,
  targets?: readonly number[],
): Promise<readonly Variant[]> {
  const { ladders } = corpus
  if (ladders === undefined) return corpus.variants()
  const { progress, signal } = context
  const chosen: Variant[] = []
  try {
    for (const ladder of ladders) chosen.push(...(await climb(corpus, ladder, context, targets)))
    return chosen
  } catch (error) {
    // What is wrong with it, the row will say. A run that was stopped has no rows, and a wrong truth none that is right.
    const endsAll = error instanceof SimdgresError && error.code === 'ERR_CHECK_FAILED'
    if (signal.aborted || endsAll) throw error
    progress.note(`The settings of ${corpus.path.id} could not be tried, so its usual ones are measured.`)
    return corpus.variants()
  }
}

async function climb(
  corpus: Corpus,
  ladder: readonly Variant[],
  context: ChoiceContext,
  targets?: readonly number[],
): Promise<readonly Variant[]> {
  const { progress, signal } = context
  const steps: Step[] = []
  for (const [position, variant] of ladder.entries()) {
    throwIfAborted(signal)
    progress.step(`Finding the settings of ${corpus.path.id}`, position, ladder.length)
    const step = await tryStep(corpus, variant, context)
    steps.push(step)
    if (isAbove(step, Math.max(...(targets ?? aims)))) break
  }
  progress.step(`Finding the settings of ${corpus.path.id}`, ladder.length, ladder.length)
  return (targets ? reach(steps, targets) : bracket(steps)).map((index) => ladder[index]!)
}

/** Recall of one step of a ladder. */
export interface Step {
  readonly mean: number
  readonly standardError: number
}

/** Indexes of the steps on both sides of each aim; of the last, where none is beyond an aim. */
export function bracket(steps: readonly Step[]): number[] {
  const chosen = new Set<number>()
  for (const aim of aims) {
    const above = steps.findIndex((step) => isAbove(step, aim))
    const below = steps.findLastIndex((step) => isBelow(step, aim))
    chosen.add(Math.max(below, 0))
    chosen.add(above === -1 ? steps.length - 1 : above)
  }
  return [...chosen].sort((a, b) => a - b)
}

/** Indexes of the first steps beyond each target; of the last, where none is. */
export function reach(steps: readonly Step[], targets: readonly number[]): number[] {
  const chosen = targets.map((target) => {
    const above = steps.findIndex((step) => isAbove(step, target))
    return above === -1 ? steps.length - 1 : above
  })
  return [...new Set(chosen)].sort((a, b) => a - b)
}

function isAbove({ mean: recall, standardError }: Step, aim: number): boolean {
  return recall === 1 || recall - standardErrors * standardError >= aim
}

function isBelow({ mean: recall, standardError }: Step, aim: number): boolean {
  return recall + standardErrors * standardError < aim
}

async function tryStep(corpus: Corpus, variant: Variant, context: ChoiceContext): Promise<Step> {
  const { dataset } = context
  const truth = truthOf(context, variant)
  const { data, dims, rows } = dataset.queries
  const searcher = await corpus.open(variant)
  try {
    const recalls: number[] = []
    for (let row = 0; row < Math.min(rows, sampledQueries); row++) {
      const [hits] = await searcher.search(data.subarray(row * dims, (row + 1) * dims))
      recalls.push(queryRecall(dataset, truth, row, hits!))
    }
    const value = mean(recalls)
    const variance = mean(recalls.map((recall) => (recall - value) ** 2))
    return { mean: value, standardError: Math.sqrt(variance / recalls.length) }
  } finally {
    await searcher.close()
  }
}
