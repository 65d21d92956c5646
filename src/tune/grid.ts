import { SimdgresError, throwIfAborted } from '../errors.js'
import { type Control, Experiment, type Observations } from '../measure/experiment.js'
import { type Lane, nameLane } from '../measure/lane/lane.js'
import type { LaneRecord } from '../measure/lane/lane-run.js'
import type { Schedule } from '../measure/schedule/schedule.js'
import { shuffledRounds } from '../measure/schedule/shuffled-rounds.js'
import { formatParams } from '../report/columns.js'
import type { TunePoint, TuneResult } from '../result/tune-schema.js'
import { Random, shuffledIndexes } from '../stats/random.js'
import { analyseEffects } from './effects.js'
import { findLane, type VariantsOf } from './lanes.js'
import { deployServer } from './open-server.js'
import { listDesigns, listPoints, listServers, type Point } from './points.js'
import { type GridRequest, nameRequest, warmUpMs } from './request.js'
import { describeKnobs, describeRefusals, describeTune, failedPoint, summarisePoint } from './tune-result.js'
import type { TunedServer } from './tuned-server.js'

const maxQueriesPerPoint = 5000
const orderStream = 5
/** A quiet machine's bandwidth stays within a tenth. */
const drifting = 1.2

/** What a grid has given when it ends, or is stopped. */
interface Progressing {
  readonly points: TunePoint[]
  wasResumed: boolean
  /** Of the machine, before and after each batch of lanes. */
  readonly bandwidthsGBps: number[]
  measureMs: number
  measurements: number
}

/**
 * Measures every combination of the knobs' values: the server is restarted for each combination of those that need it, in
 * an order drawn by the seed, and all points in between take turns in rounds of their own order. A run that is stopped
 * resolves to what it has; one that was killed goes on when it is started again.
 * @throws ERR_ABORTED where it is stopped before anything was measured.
 */
export async function runGrid(request: GridRequest, outer: Control): Promise<TuneResult> {
  const startedAt = new Date()
  const control = { ...outer, resumeKey: nameRequest(request) }
  const experiment = await Experiment.open(request, control)
  try {
    const paths = request.paths.map((id) => ({ id, designs: listDesigns(request.knobs, id) }))
    const server = await deployServer(request, { experiment, name: 'tune', paths }, control)
    const known = await describeTune(experiment, server.arm)
    const warnings = [...server.arm.warnings, ...describeRefusals(server.arm)]
    const variantsOf = await experiment.chooseVariants(server.arm, [request.recall])
    const state: Progressing = {
      points: [],
      wasResumed: false,
      bandwidthsGBps: [],
      measureMs: 0,
      measurements: 0,
    }
    const isComplete = await measureAll(request, { experiment, server, variantsOf, control }, state)
    if (state.wasResumed) {
      warnings.push('The run was killed and went on later: its points are of two sittings.')
    }
    warnings.push(...warnOfDrift(state.bandwidthsGBps, listServers(request.knobs).length))
    warnings.push(...(await experiment.close()))
    return {
      ...known,
      mode: 'grid',
      startedAt: startedAt.toISOString(),
      durationMs: Date.now() - startedAt.getTime(),
      isComplete,
      seed: request.seed,
      recallTarget: request.recall,
      knobs: describeKnobs(request.knobs),
      points: state.points,
      ...analyseEffects(state.points),
      cost: { ...server.cost, measureMs: state.measureMs, measurements: state.measurements },
      warnings,
    }
  } finally {
    await experiment.close()
  }
}

/** Between restarts nothing takes turns: what the machine does to one server, it does to all of its points alone. */
export function warnOfDrift(bandwidthsGBps: readonly number[], servers: number): string[] {
  const [least, most] = [Math.min(...bandwidthsGBps), Math.max(...bandwidthsGBps)]
  if (servers < 2 || bandwidthsGBps.length === 0 || most / least < drifting) return []
  return [
    `The machine was not equally fast all the time (read bandwidth ${least.toFixed(1)} to ${most.toFixed(1)} GB/s): ` +
      'differences between settings that need a restart may be its doing. Measure on a quieter machine, or let a search compare them.',
  ]
}

interface GridContext {
  readonly experiment: Experiment
  readonly server: TunedServer
  readonly variantsOf: VariantsOf
  readonly control: Control
}

/** Resolves to whether it has come to its end. */
async function measureAll(request: GridRequest, context: GridContext, state: Progressing): Promise<boolean> {
  const { progress } = context.control
  const servers = listServers(request.knobs)
  const order = shuffledIndexes(servers.length, new Random(request.seed, orderStream))
  for (const [position, index] of Array.from(order).entries()) {
    const settings = servers[index]!
    const points = listPoints(request.knobs, request.paths, request.clients, settings)
    progress.note(
      `Server ${position + 1} of ${servers.length}: ${formatParams(settings) || 'as it is'}, ${points.length} points.`,
    )
    try {
      if (!(await measureServer(request, context, state, points))) return false
    } catch (error) {
      const isStopped = error instanceof SimdgresError && error.code === 'ERR_ABORTED'
      if (isStopped && state.points.some(({ status }) => status === 'ok')) return false
      throw error
    }
  }
  return true
}

/** All points that share a server. */
async function measureServer(
  request: GridRequest,
  { experiment, server, variantsOf, control }: GridContext,
  state: Progressing,
  points: readonly Point[],
): Promise<boolean> {
  const [{ server: settings }] = points as [Point]
  const schedule = shuffledRounds({
    rounds: request.rounds,
    budgetMs: request.pointMs,
    maxQueries: maxQueriesPerPoint,
    random: () => experiment.random(),
  })
  const find = (wanted: readonly Point[]) =>
    wanted.flatMap((point): Searched[] => {
      const lane = findLane(point, server.arm, variantsOf)
      return lane === undefined ? [] : [{ point, lane }]
    })
  const isKnown = await experiment.hasMeasured(
    find(points).map(({ lane }) => lane),
    schedule,
  )
  const reason = isKnown ? undefined : await server.moveTo(settings)
  // Data that had to be loaded anew is in other tables.
  const searched = find(points)
  const missing = points.filter((point) => !searched.some((row) => row.point === point))
  const start = performance.now()
  try {
    if (reason !== undefined) {
      for (const { point } of searched) state.points.push(failedPoint(point, reason))
      return true
    }
    const outcome = await measureBatch(searched, schedule, {
      ...{ experiment, server, find, control },
      onMeasured: ({ wasResumed, readBandwidthsGBps }) => {
        state.wasResumed ||= wasResumed
        state.bandwidthsGBps.push(...readBandwidthsGBps)
      },
    })
    for (const { point, record } of outcome.records) {
      state.points.push(summarisePoint(point, record, experiment, request.seed))
      state.measurements++
    }
    for (const { point, reason } of outcome.failed) state.points.push(failedPoint(point, reason))
    return outcome.isComplete
  } finally {
    state.measureMs += performance.now() - start
    for (const point of missing) {
      state.points.push(failedPoint(point, 'What it searches could not be built; the warnings say why.'))
    }
  }
}

interface Searched {
  readonly point: Point
  readonly lane: Lane
}

interface BatchContext {
  readonly experiment: Experiment
  readonly server: TunedServer
  find(points: readonly Point[]): Searched[]
  readonly control: Control
  onMeasured(observed: Observations): void
}

interface BatchOutcome {
  readonly records: { readonly point: Point; readonly record: LaneRecord }[]
  readonly failed: { readonly point: Point; readonly reason: string }[]
  readonly isComplete: boolean
}

/**
 * Measures lanes together. Where some fail, one of them may have taken the server, or its memory, from the others: each of
 * them is measured again alone, and what fails then has failed by itself.
 */
async function measureBatch(
  searched: readonly Searched[],
  schedule: Schedule,
  context: BatchContext,
): Promise<BatchOutcome> {
  const { experiment, server, control } = context
  const { present } = server
  try {
    const lanes = searched.map(({ lane }) => lane)
    const observed = await experiment.measure(lanes, schedule, warmUpMs)
    const { records, isComplete } = observed
    context.onMeasured(observed)
    const rows = searched.map(({ point }, i) => ({ point, record: records[i]! }))
    const failed = rows.filter(({ record }) => record.failure !== undefined)
    // A stopped run has rows that were not measured at all.
    const good = rows.filter(({ record }) => record.failure === undefined && record.turns.length > 0)
    if (failed.length === 0 || !isComplete) return { records: good, failed: [], isComplete }
    await server.recover(present)
    if (searched.length === 1) {
      const reasons = failed.map(({ point, record }) => ({ point, reason: record.failure! }))
      return { records: [], failed: reasons, isComplete }
    }
    const again = await measureEach(failed, schedule, context)
    return { ...again, records: [...good, ...again.records] }
  } catch (error) {
    throwIfAborted(control.signal)
    if (!(error instanceof SimdgresError) || error.code !== 'ERR_LOST_CONNECTION') throw error
    control.progress.note(
      `The server was lost while ${searched.map(({ lane }) => nameLane(lane)).join(', ')} ran.`,
    )
    await server.recover(present)
    if (searched.length > 1) return measureEach(searched, schedule, context)
    const failed = searched.map(({ point }) => ({ point, reason: `${error.message}. ${error.hint}` }))
    return { records: [], failed, isComplete: true }
  }
}

async function measureEach(
  rows: readonly { readonly point: Point }[],
  schedule: Schedule,
  context: BatchContext,
): Promise<BatchOutcome> {
  const all: BatchOutcome = { records: [], failed: [], isComplete: true }
  for (const { point } of rows) {
    const outcome = await measureBatch(context.find([point]), schedule, context)
    all.records.push(...outcome.records)
    all.failed.push(...outcome.failed)
    if (!outcome.isComplete) return { ...all, isComplete: false }
  }
  return all
}
