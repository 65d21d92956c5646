import { SimdgresError, throwIfAborted } from '../errors.js'
import type { Control, Experiment } from '../measure/experiment.js'
import type { Lane } from '../measure/lane/lane.js'
import type { LaneRecord } from '../measure/lane/lane-run.js'
import type { TunePoint } from '../result/tune-schema.js'
import { Random } from '../stats/random.js'
import { withTimeLimit } from '../system/time-limit.js'
import type { Candidate } from './candidates.js'
import { findLane, type VariantsOf } from './lanes.js'
import { compareBlocks, mirrorBlocks } from './mirror-blocks.js'
import type { Heat } from './race.js'
import { type SearchRequest, warmUpMs } from './request.js'
import { failedPoint, summarisePoint } from './tune-result.js'
import type { TunedServer } from './tuned-server.js'

/** A candidate, and the server that it is measured on. */
export interface Runner {
  readonly candidate: Candidate
  readonly server: TunedServer
}

export interface HeatContext {
  readonly request: SearchRequest
  readonly experiment: Experiment
  readonly variantsOf: VariantsOf
  readonly turnMs: number
  readonly control: Control
  /** Time to measure, all heats together; missing: however long they take. */
  readonly budgetMs?: number
}

const scheduleStream = 6

/** Measures candidates beside each other, and remembers what each of them has shown at first. */
export class Heats {
  readonly points = new Map<string, TunePoint>()
  measureMs = 0
  measurements = 0
  wasResumed = false
  readonly #context: HeatContext
  #count = 0

  constructor(context: HeatContext) {
    this.#context = context
  }

  /** Whether the time to measure is up. */
  get isOver(): boolean {
    return this.measureMs >= (this.#context.budgetMs ?? Number.POSITIVE_INFINITY)
  }

  /**
   * The lanes of a heat have its number, or a run that goes on would take the turns of one for those of another. Where the
   * time is up before its end, it gives the blocks that are whole by then.
   * @param leastQueries of a turn.
   * @throws what keeps the incumbent from being measured.
   */
  async run(
    incumbent: Runner,
    challengers: readonly Runner[],
    blocks: number,
    leastQueries?: number,
  ): Promise<Heat[]> {
    const { experiment, request, turnMs, control, budgetMs } = this.#context
    const heat = ++this.#count
    const runners = [incumbent, ...challengers]
    const lanes = runners.map((runner, i) => this.#laneOf(runner, `${heat}.${i}`))
    const built = lanes.filter((lane) => lane !== undefined)
    const schedule = mirrorBlocks({
      blocks,
      turnMs,
      ...(leastQueries !== undefined && { leastQueries }),
      random: () => new Random(request.seed + heat, scheduleStream),
    })
    const start = performance.now()
    const measure = (signal: AbortSignal) => experiment.measure(built, schedule, warmUpMs, signal)
    try {
      const { records, isComplete, wasResumed } =
        budgetMs === undefined
          ? await measure(control.signal)
          : await withTimeLimit(control.signal, Math.max(1, budgetMs - this.measureMs), measure)
      if (!isComplete) throwIfAborted(control.signal)
      this.wasResumed ||= wasResumed
      this.measurements += built.length
      const recordOf = (i: number) => records[built.indexOf(lanes[i]!)]
      const base = recordOf(0)
      if (base?.failure !== undefined || base === undefined) throw incumbentFailed(incumbent, base)
      return runners.map((runner, i) => this.#judge(runner, base, recordOf(i))).slice(1)
    } catch (error) {
      throwIfAborted(control.signal)
      if (!(error instanceof SimdgresError)) throw error
      // Not one turn was over.
      if (error.code === 'ERR_ABORTED') return challengers.map(() => ({ effects: [] }))
      if (error.code !== 'ERR_LOST_CONNECTION') throw error
      // With several of them nobody knows whose doing it was; none of them is worth it.
      for (const server of new Set(runners.map(({ server }) => server))) await server.recover(server.present)
      const failure = `${error.message}. ${error.hint}`
      return challengers.map(({ candidate }) => {
        this.#keep(candidate, failedPoint(this.#pointOf(candidate), failure))
        return { effects: [], failure }
      })
    } finally {
      this.measureMs += performance.now() - start
    }
  }

  /** What has to be kept of a candidate that could not even be started. */
  fail(candidate: Candidate, reason: string): void {
    this.#keep(candidate, failedPoint(this.#pointOf(candidate), reason))
  }

  /** Whether all of the next heat was measured by a run that was killed: no server has to be moved for it then. */
  hasNext(incumbent: Runner, challengers: readonly Runner[], blocks: number): Promise<boolean> {
    const { experiment, request, turnMs } = this.#context
    const heat = this.#count + 1
    const lanes = [incumbent, ...challengers].flatMap(
      (runner, i) => this.#laneOf(runner, `${heat}.${i}`) ?? [],
    )
    const random = () => new Random(request.seed + heat, scheduleStream)
    return experiment.hasMeasured(lanes, mirrorBlocks({ blocks, turnMs, random }))
  }

  #judge({ candidate }: Runner, base: LaneRecord, record: LaneRecord | undefined): Heat {
    const { experiment, request } = this.#context
    const point = this.#pointOf(candidate)
    if (record === undefined) {
      const failure = 'What it searches could not be built; the warnings say why.'
      this.#keep(candidate, failedPoint(point, failure))
      return { effects: [], failure }
    }
    // The time was up before its first turn.
    if (record.failure === undefined && record.turns.length === 0) return { effects: [] }
    this.#keep(candidate, summarisePoint(point, record, experiment, request.seed))
    if (record.failure !== undefined) return { effects: [], failure: record.failure }
    const { recall } = this.points.get(candidate.name) as { recall?: { ci95: readonly [number, number] } }
    if (recall !== undefined && recall.ci95[1] < request.recall) {
      return {
        effects: [],
        failure: `Its recall is below ${request.recall}: at most ${recall.ci95[1].toFixed(4)}.`,
      }
    }
    return { effects: compareBlocks(base, record, request.goal) }
  }

  #keep({ name }: Candidate, point: TunePoint): void {
    if (!this.points.has(name)) this.points.set(name, point)
  }

  #pointOf({ path, design, server, session }: Candidate) {
    return { path, design, server, session, clients: this.#context.request.clients }
  }

  #laneOf({ candidate, server: { arm } }: Runner, heat: string): Lane | undefined {
    const lane = findLane(this.#pointOf(candidate), arm, this.#context.variantsOf)
    if (lane === undefined) return undefined
    return { ...lane, variant: { ...lane.variant, heat } }
  }
}

function incumbentFailed({ candidate }: Runner, record: LaneRecord | undefined): SimdgresError {
  return new SimdgresError(
    'ERR_UNAVAILABLE',
    `The setting that others are compared with (${candidate.name}) cannot be measured: ${record?.failure ?? 'it could not be built'}`,
    'Choose other --paths, or mend what it names.',
  )
}
