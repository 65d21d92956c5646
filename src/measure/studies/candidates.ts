import type { Matrix } from '../../datasets/dataset.js'
import type { Progress } from '../../progress.js'
import { mean } from '../../stats/samples.js'
import type { LaneRecord } from '../lane/lane-run.js'

export interface StudyContext {
  readonly queries: Matrix
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** Rows that are fast enough at this recall stand for their table and index. */
const aim = 0.95

/** One client, in a server, measured to its end. */
export function isOfOneClient({ lane: { load, corpus }, turns, failure }: LaneRecord): boolean {
  const { kind, clients } = load.shape
  const isAlone = kind === 'closed' && clients === 1
  return isAlone && corpus.path.needsServer && failure === undefined && turns.length > 0
}

/**
 * Of the records of each corpus that `fits`, the fastest whose recall is .95 or more, or the most accurate: what takes
 * restarts or changes a table is done once for each.
 */
export function chooseOfEach(
  records: readonly LaneRecord[],
  recallOf: (record: LaneRecord) => number,
  fits: (record: LaneRecord) => boolean,
): LaneRecord[] {
  const asked = records.filter((record) => isOfOneClient(record) && fits(record))
  const corpora = new Set(asked.map(({ lane }) => lane.corpus))
  return [...corpora].map((corpus) => {
    const own = asked
      .filter(({ lane }) => lane.corpus === corpus)
      .map((record) => ({
        record,
        recall: recallOf(record),
        ms: mean(record.turns.flatMap(({ times }) => Array.from(times))),
      }))
      .sort((a, b) => a.ms - b.ms)
    const accurate = own.find(({ recall }) => recall >= aim)
    return (accurate ?? own.reduce((best, one) => (one.recall > best.recall ? one : best))).record
  })
}
