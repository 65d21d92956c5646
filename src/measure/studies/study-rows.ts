import type { Dataset } from '../../datasets/dataset.js'
import type { Random } from '../../stats/random.js'
import { mean } from '../../stats/samples.js'
import type { PreparedArm } from '../arm.js'
import type { LaneRecord } from '../lane/lane-run.js'
import { queryRecall } from '../recall.js'
import { type Truths, truthOf } from '../truths.js'
import { chooseOfEach, type StudyContext } from './candidates.js'
import { measureCold } from './cold.js'
import { measureCosts } from './costs.js'
import { measureInserting } from './inserting.js'
import type { RowStudies, Studies } from './studies.js'

/** What is asked about rows beside their speed and recall. */
export interface StudyRequest {
  /** Time of a row, and its queries at most. */
  readonly budgetMs: number
  readonly maxQueries: number
  /** Restarts of the server for the first search of each table and index. */
  readonly cold?: number | undefined
  /** Rows per second that are inserted during searches of each of them. */
  readonly whileInserting?: number | undefined
}

interface StudyTask extends StudyRequest, StudyContext, Truths {
  readonly dataset: Dataset
  readonly random: Random
}

/** What was found before the run was stopped, if it was. */
interface Studied {
  readonly studies: Studies
  /** Why a study is missing. */
  readonly notes: readonly string[]
  readonly isComplete: boolean
}

/**
 * One after the other, behind the rounds: the second leaves a cold server, which is warmed again, and the third other tables. The
 * rounds took hours, so a study that fails is left out, with a note.
 */
export async function studyRows(
  arm: PreparedArm,
  records: readonly LaneRecord[],
  task: StudyTask,
): Promise<Studied> {
  const { cold: restarts, whileInserting: rate, truth } = task
  const studies = new Map<LaneRecord['lane'], RowStudies>()
  const keep = <Name extends keyof RowStudies>(
    name: Name,
    found: ReadonlyMap<LaneRecord['lane'], NonNullable<RowStudies[Name]>>,
  ) => {
    for (const [lane, value] of found) studies.set(lane, { ...studies.get(lane), [name]: value })
  }
  const notes: string[] = []
  const choose = (option: string, fits: (record: LaneRecord) => boolean) => {
    const chosen = chooseOfEach(records, (record) => recallOf(record, task), fits)
    if (chosen.length === 0) {
      notes.push(
        `${option} found no row to measure: it takes rows of one client in a server. Have 1 among the --clients, and a path of the server.`,
      )
    }
    return chosen
  }
  const studyCold = async () => {
    if (restarts === undefined) return
    const lanes = choose('--cold', ({ lane }) => lane.corpus.openFirst !== undefined).map(({ lane }) => lane)
    if (lanes.length === 0) return
    keep('cold', await measureCold(arm, lanes, restarts, task))
    await arm.warm()
  }
  const studyInserting = async () => {
    if (rate === undefined) return
    const chosen = choose('--while-inserting', ({ lane }) => lane.corpus.table !== undefined)
    keep('inserting', await measureInserting(chosen, { ...task, truth, rate }))
  }
  const all = {
    'Where the time goes': async () => keep('cost', await measureCosts(records, task)),
    '--cold': studyCold,
    '--while-inserting': studyInserting,
  }
  for (const [name, study] of Object.entries(all)) {
    try {
      await study()
    } catch (error) {
      if (task.signal.aborted) return { studies, notes, isComplete: false }
      notes.push(`${name} failed: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return { studies, notes, isComplete: true }
}

function recallOf({ lane, hits }: LaneRecord, task: StudyTask): number {
  // What looks at no vector has none.
  if (!lane.corpus.path.searches) return 1
  const truth = truthOf(task, lane.variant)
  return mean([...hits].map(([row, found]) => queryRecall(task.dataset, truth, row, found)))
}
