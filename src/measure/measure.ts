import type { Matrix } from '../datasets/dataset.js'
import { SimdgresError } from '../errors.js'
import type { Progress } from '../progress.js'
import type { Lane } from './lane/lane.js'
import { type LaneRecord, LaneRun } from './lane/lane-run.js'
import { QueryCursor } from './load/query-cursor.js'
import type { Schedule, Turn } from './schedule/schedule.js'
import { warmUp } from './warm-up.js'

export interface MeasureOptions {
  readonly queries: Matrix
  /** The sequence of query rows that every lane sees. */
  readonly order: Uint32Array
  /** Time after which warming up a lane ends, steady or not. */
  readonly warmUpMs: number
  readonly progress: Progress
  readonly signal: AbortSignal
  /** Why a lane cannot go on; throws what ends the run. */
  explainFailure(error: unknown, lane: Lane): Promise<string>
  /** Before each round: what is watched beside the lanes. */
  beforeRound?(): Promise<void>
  readonly journal?: TurnJournal
}

/** Where turns are kept, so that a run that is killed can go on. */
export interface TurnJournal {
  /** Gives a lane what it had measured before. */
  restore(run: LaneRun): void
  keep(run: LaneRun): Promise<void>
}

export interface Measured {
  readonly records: readonly LaneRecord[]
  /** False where the run was stopped before its end. */
  readonly isComplete: boolean
}

/** Connections that lanes keep open between their turns, all together; servers take 100 unless they are told otherwise. */
const mostKept = 64

/**
 * Measures all lanes in the turns of a schedule. A lane that fails is left out from then on.
 * @throws ERR_ABORTED where the run is stopped before anything was measured; what ends the run for all lanes.
 */
export async function measure(
  lanes: readonly Lane[],
  schedule: Schedule,
  options: MeasureOptions,
): Promise<Measured> {
  const runs = lanes.map((lane) => new LaneRun(lane, options.queries, options.order))
  for (const run of runs) options.journal?.restore(run)
  const turns = [...schedule.turns(lanes)]
  try {
    const attempts = { ...options, areKept: keepsConnections(runs) }
    await warmUpLanes(runs, turns, attempts)
    await takeTurns(runs, turns, attempts)
    return { records: runs, isComplete: true }
  } catch (error) {
    const isAbort = error instanceof SimdgresError && error.code === 'ERR_ABORTED'
    if (isAbort && runs.some((run) => run.turns.length > 0)) return { records: runs, isComplete: false }
    throw error
  } finally {
    for (const run of runs) await run.close()
  }
}

/** Whether a lane has failed, or has had all of its turns. */
export function isDone({ failure, turns: had }: LaneRecord, index: number, turns: readonly Turn[]): boolean {
  return failure !== undefined || had.length >= turns.filter(({ lane }) => lane === index).length
}

/** Lanes that have turns left, unless they have failed: a path's limit often shows at its first query. */
async function warmUpLanes(
  runs: readonly LaneRun[],
  turns: readonly Turn[],
  options: AttemptOptions,
): Promise<void> {
  const { queries, progress } = options
  for (const [index, run] of runs.entries()) {
    progress.step('Warming up', index, runs.length)
    if (isDone(run, index, turns)) continue
    await attempt(run, options, async () => {
      // Backwards, so that the queries that are measured first are those that were warmed up with last, if at all.
      const backwards = run.order.slice().reverse()
      const cursor = new QueryCursor(queries, backwards, run.lane.corpus.path.batchSize)
      const { steadiness, msPerQuery } = await warmUp(run, cursor, options.warmUpMs, options.signal)
      const plan = await run.searcher.explain(queries.data.subarray(0, queries.dims))
      run.facts ??= {
        settings: run.searcher.settings,
        ...(plan && { plan }),
        isUnsteady: steadiness === 'unsteady',
        msPerQuery,
      }
    })
  }
  progress.step('Warming up', runs.length, runs.length)
}

async function takeTurns(
  runs: readonly LaneRun[],
  turns: readonly Turn[],
  options: AttemptOptions,
): Promise<void> {
  const { progress, signal } = options
  const restored = runs.map((run) => run.turns.length)
  let round = -1
  for (const [position, turn] of turns.entries()) {
    progress.step('Measuring', position, turns.length)
    const run = runs[turn.lane]!
    const wasMeasured = restored[turn.lane]!-- > 0
    const pace = runs[turn.pacedBy ?? turn.lane]!
    // Without its counterpart a lane has nothing to be compared with.
    if (wasMeasured || run.failure !== undefined || pace.failure !== undefined) continue
    if (turn.round !== round) await options.beforeRound?.()
    round = turn.round
    await attempt(run, options, () => run.measure(turn, turn.quota(pace.facts!.msPerQuery), signal))
  }
  progress.step('Measuring', turns.length, turns.length)
}

interface AttemptOptions extends MeasureOptions {
  /** Whether lanes keep all of their connections between their turns. */
  readonly areKept: boolean
}

function keepsConnections(runs: readonly LaneRun[]): boolean {
  const counts = runs.map(({ lane: { corpus, load } }) => (corpus.path.needsServer ? load.shape.clients : 0))
  return counts.reduce((sum, count) => sum + count, 0) <= mostKept
}

/** Keeps what `work` did to the lane, be it its failure. */
async function attempt(run: LaneRun, options: AttemptOptions, work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
    if (!options.areKept) await run.release()
  } catch (error) {
    run.failure = await options.explainFailure(error, run.lane)
    await run.close()
  }
  await options.journal?.keep(run)
}
