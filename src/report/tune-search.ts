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
  column('times as fast', 'right', ({ speedUp, ci95 }) => times(speedUp, ci95)),
  column('blocks', 'right', ({ blocks }) => String(blocks)),
  column('fate', 'left', ({ fate }) => fate.split('\n')[0]!.slice(0, 100)),
]

export const confirmationColumns: readonly Column<TuneComparison>[] = [
  column('on fresh servers', 'left', ({ name }) => name),
  column('setting', 'left', describeSetting),
  column('times as fast as present', 'right', ({ speedUp, ci95, blocks }) =>
    blocks === 0 ? '–' : times(speedUp, ci95),
  ),
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
        `  ${name}: ${present} -> ${recommended}${speedUp === undefined ? '' : `; ${times(speedUp, ci95)} in the search`}`,
    ),
  ]
}
