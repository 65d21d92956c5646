import { formatRecall } from '../result/numbers.js'
import type { TuneComparison, TuneResult } from '../result/tune-schema.js'
import { type Column, column, nameSetting } from './columns.js'

interface StageRow {
  readonly stage: string
  readonly name: string
  readonly incumbent: string
  readonly speedUp?: number | undefined
  readonly ci95?: readonly number[] | undefined
  readonly blocks: number
  readonly fate: string
}

const times = (value: number | undefined, ci95: readonly number[] | undefined) =>
  value === undefined || ci95 === undefined
    ? '–'
    : `${value.toFixed(2)} (${ci95.map((limit) => limit.toFixed(2)).join(' to ')})`

/** As many as the gate asks for: fewer blocks on fresh servers show nothing. */
const leastBlocks = 16

/** The one rule of what may be printed as faster: two fresh deployments agree on it, and its lower bound is above 1. */
export function isShownFaster({ outcome, ci95, blocks }: TuneComparison): boolean {
  return outcome === 'improved' && ci95[0] > 1 && blocks >= leastBlocks
}

/** How many times as fast as the present setting, in words where that was not confirmed. */
export function describeSpeedUp(comparison: TuneComparison): string {
  const { speedUp, ci95, blocks } = comparison
  if (blocks === 0) return '–'
  return ci95[0] <= 1 || isShownFaster(comparison) ? times(speedUp, ci95) : 'not confirmed'
}

/** A race is run on servers that have seen it all: what is faster there has yet to be confirmed, and has no number. */
function describeRace({ speedUp, ci95 }: StageRow): string {
  return ci95 !== undefined && ci95[0]! > 1 ? 'faster' : times(speedUp, ci95)
}

/** Every challenger of every stage. */
export function listStageRows({ stages = [] }: TuneResult): StageRow[] {
  return stages.flatMap(({ stage, incumbent, challengers }) =>
    challengers.map((challenger) => ({ stage, incumbent, ...challenger })),
  )
}

export const stageColumns: readonly Column<StageRow>[] = [
  column('stage', 'left', ({ stage }) => stage),
  column('challenger', 'left', ({ name }) => name),
  column('of', 'left', ({ incumbent }) => incumbent),
  column('times as fast', 'right', describeRace),
  column('blocks', 'right', ({ blocks }) => String(blocks)),
  column('fate', 'left', ({ fate }) => fate.split('\n')[0]!.slice(0, 100)),
]

export const confirmationColumns: readonly Column<TuneComparison>[] = [
  column('on fresh servers', 'left', ({ name }) => name),
  column('setting', 'left', describeSetting),
  column('times as fast as present', 'right', describeSpeedUp),
  column('blocks', 'right', ({ blocks }) => String(blocks)),
  column('recall', 'right', ({ recall }) =>
    recall === undefined ? '–' : `${formatRecall(recall.mean)} (from ${formatRecall(recall.ci95[0])})`,
  ),
  column('verdict', 'left', ({ outcome }) => outcome),
]

function describeSetting({ path, design, server, session }: TuneComparison): string {
  return nameSetting(path, { ...design, ...server, ...session })
}

/** What came of a search, a line each. */
export function describeRecommendation({ mode, recommendation, confirmation = [] }: TuneResult): string[] {
  if (mode === 'grid' || recommendation === undefined) return []
  const reasons = confirmation.flatMap(({ name, reason }) =>
    reason === undefined ? [] : [`${name}: ${reason}`],
  )
  if (!recommendation.isChange) {
    return [
      ...reasons,
      'No significant difference: nothing was shown to be faster than the present setting, which stays.',
    ]
  }
  return [
    ...reasons,
    `Recommended: ${recommendation.winner}`,
    ...recommendation.settings.map(
      ({ name, present, recommended, speedUp, ci95 }) =>
        `  ${name}: ${present} -> ${recommended}${speedUp === undefined ? '' : `; ${times(speedUp, ci95)} times as fast on fresh servers`}`,
    ),
  ]
}
