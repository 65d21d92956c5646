import { loadDataset } from '../datasets/catalogue.js'
import type { Dataset, GroundTruth } from '../datasets/dataset.js'
import { groundTruth } from '../datasets/ground-truth.js'
import {
  checkPassing,
  createRowFilters,
  filteredTruth,
  nameFilter,
  type RowFilters,
} from '../datasets/row-filter.js'
import type { Corpus, Variant } from '../paths/search-path.js'
import type { Progress } from '../progress.js'
import { fingerprintOf } from '../result/fingerprint.js'
import { Journal } from '../result/journal.js'
import type { BenchResult } from '../result/schema.js'
import { Random, shuffledIndexes } from '../stats/random.js'
import { mean } from '../stats/samples.js'
import { hashProgram } from '../system/program-hash.js'
import type { TargetStats } from '../targets/target.js'
import { measureReadBandwidth, readBandwidthBytes } from '../vectors/capabilities.js'
import type { Metric } from '../vectors/metric.js'
import { type Arm, PreparedArm } from './arm.js'
import { readPowerSaving } from './caveats/power-saving.js'
import { spreadOverBuilds } from './caveats/spread-over-builds.js'
import { listWarnings } from './caveats/warnings.js'
import { chooseVariants } from './choose-variants.js'
import { describeMachine, readCommit } from './environment.js'
import { explainFailure } from './failure.js'
import type { Lane } from './lane/lane.js'
import { LaneJournal } from './lane/lane-journal.js'
import { LaneRun } from './lane/lane-run.js'
import { isDone, type Measured, measure } from './measure.js'
import { collectSamples, type RawSamples } from './raw-samples.js'
import type { Schedule } from './schedule/schedule.js'
import type { Studies } from './studies/studies.js'
import { type StudyRequest, studyRows } from './studies/study-rows.js'
import { compareLanes, summariseLane } from './summarise.js'
import type { Truths } from './truths.js'

/** What is searched, and for what. */
export interface Question {
  readonly dataset: string
  readonly rows?: number
  /** Of files, whose metric nobody else knows. */
  readonly metric?: Metric
  /** Left to the data set if missing. */
  readonly queries?: number
  /** A file of queries beside a data set that is a file, and one of the nearest rows of each. */
  readonly queriesFile?: string
  readonly truthFile?: string
  /** Paths of this process, each of which has a copy of the vectors; and whether one of them keeps codes beside it. */
  readonly copies?: number
  readonly hasCodes?: boolean
  readonly k: number
  /** Per cent of the rows that searches are limited to, by turns; among all rows if missing. */
  readonly filters?: readonly number[]
  readonly seed: number
  /** Threads of the search for the truth. */
  readonly threads: number
}

export interface Control {
  readonly progress: Progress
  readonly signal: AbortSignal
  /** Names the request: a run with the same key goes on where one that was killed had ended. */
  readonly resumeKey?: string
}

/** Of the codes of one row (native/codes/model.c): three levels, of which the last has a byte for each dimension. */
const mostCodeBytes = (dims: number) => dims + 400

/** Streams of random numbers that must not depend on each other. */
const streams = { order: 1, schedule: 2, bootstrap: 3, filter: 4, studies: 5 } as const

/** All that was measured, and the machine beside it. */
export interface Observations extends Measured {
  /** Before and after. */
  readonly readBandwidthsGBps: readonly number[]
  /** A part of it was measured by a run that was killed. */
  readonly wasResumed: boolean
  /** What else was found out about rows. */
  readonly studies?: Studies
  /** Of the server, before it was restarted for them. */
  readonly used?: TargetStats | undefined
}

/** What a summary does not know of itself. */
export type Summary = Omit<BenchResult, 'startedAt' | 'durationMs' | 'profile' | 'seed' | 'request'>

/**
 * Data and truth, and what is asked of them: prepare an arm, or two; measure lanes of them; summarise; close. Nothing
 * that it started is left behind once it is closed.
 */
export class Experiment {
  readonly dataset: Dataset
  readonly truth: GroundTruth
  readonly #filtered: FilteredRows | undefined
  readonly #question: Question
  readonly #control: Control
  readonly #arms: PreparedArm[] = []
  readonly #notes: string[] = []
  #journal: Journal | undefined

  private constructor(
    dataset: Dataset,
    truth: GroundTruth,
    filtered: FilteredRows | undefined,
    question: Question,
    control: Control,
  ) {
    this.dataset = dataset
    this.truth = truth
    this.#filtered = filtered
    this.#question = question
    this.#control = control
  }

  static async open(question: Question, control: Control): Promise<Experiment> {
    const { k, threads } = question
    const dataset = await loadDataset(question.dataset, {
      ...control,
      maxRows: question.rows,
      queries: question.queries,
      seed: question.seed,
      metric: question.metric,
      queriesFile: question.queriesFile,
      truthFile: question.truthFile,
      // The bandwidth is measured while the lanes have the vectors.
      besideBytes: (rows, dims) =>
        readBandwidthBytes +
        Math.max(0, (question.copies ?? 1) - 1) * rows * dims * Float32Array.BYTES_PER_ELEMENT +
        (question.hasCodes === true ? rows * mostCodeBytes(dims) : 0),
    })
    const truth = await groundTruth(dataset, k, { ...control, threads })
    return new Experiment(dataset, truth, await filterRows(dataset, question, control), question, control)
  }

  /** Deploys the arm's server, loads the data and builds the indexes. */
  async prepare(arm: Arm): Promise<PreparedArm> {
    const { progress, signal, resumeKey } = this.#control
    const prepared = await PreparedArm.prepare(arm, {
      dataset: this.dataset,
      ...(this.#filtered && { filters: this.#filtered.filters }),
      k: this.#question.k,
      progress,
      signal,
      ...(resumeKey !== undefined && {
        resumeKey: [arm.name, resumeKey, this.dataset.sha256, await readCommit()].join(' '),
      }),
    })
    this.#arms.push(prepared)
    return prepared
  }

  /**
   * For `lanes` of the arm: the variants whose recalls are near round figures, or reach the targets, as measured here. They
   * are right for another arm of the same paths.
   */
  async chooseVariants(
    arm: PreparedArm,
    targets?: readonly number[],
  ): Promise<(corpus: Corpus) => readonly Variant[]> {
    // The builds of one design are shown in the same ones, or they could not be compared.
    const nameOf = ({ path, design }: Corpus) => JSON.stringify([path.id, design])
    const chosen = new Map<string, readonly Variant[]>()
    for (const corpus of arm.corpora) {
      if (chosen.has(nameOf(corpus))) continue
      chosen.set(
        nameOf(corpus),
        await chooseVariants(corpus, { ...this.#control, dataset: this.dataset, ...this.#truths }, targets),
      )
    }
    return (corpus) => chosen.get(nameOf(corpus)) ?? corpus.variants()
  }

  /** A source of random numbers for a schedule; the same numbers each time. */
  random(): Random {
    return this.#random('schedule')
  }

  /**
   * @param warmUpMs time after which warming up a lane ends, steady or not.
   * @param signal ends it before its end; that of the run if missing.
   */
  async measure(
    lanes: readonly Lane[],
    schedule: Schedule,
    warmUpMs: number,
    signal = this.#control.signal,
  ): Promise<Observations> {
    const { queries } = this.dataset
    const journal = await this.#openJournal()
    const wasResumed = journal !== undefined && journal.entries.length > 0
    if (wasResumed) this.#control.progress.note('Going on where a run that was killed had ended.')
    const before = await measureReadBandwidth()
    const measured = await measure(lanes, schedule, {
      ...this.#control,
      signal,
      queries,
      order: shuffledIndexes(queries.rows, this.#random('order')),
      warmUpMs,
      ...(journal && { journal: new LaneJournal(journal) }),
      explainFailure: (error, lane) => this.#explainFailure(error, lane, signal),
      // Where the engine keeps no peak, it is the highest of these. It is reported of a server alone, not of two that are
      // compared; an engine takes half a second to answer.
      beforeRound: async () => {
        const [first, ...others] = this.#arms
        if (others.length === 0) await first?.arm.target?.stats()
      },
    })
    return { ...measured, readBandwidthsGBps: [before, await measureReadBandwidth()], wasResumed }
  }

  /** The same with what else is asked about its rows, as far as it could be found before the run was stopped. */
  async study(arm: PreparedArm, observed: Observations, asked: StudyRequest): Promise<Observations> {
    if (!observed.isComplete) return observed
    // Asked for again in the summary, where the engine does not answer now.
    const used = await arm.arm.target?.stats().catch(() => undefined)
    const context = {
      ...{ ...this.#control, dataset: this.dataset, queries: this.dataset.queries, ...this.#truths },
      random: this.#random('studies'),
    }
    const { notes, ...studied } = await studyRows(arm, observed.records, { ...asked, ...context })
    this.#notes.push(...notes)
    return { ...observed, ...studied, used }
  }

  /** Whether a run that was killed has measured all of it: nothing has to be restarted for it then. */
  async hasMeasured(lanes: readonly Lane[], schedule: Schedule): Promise<boolean> {
    const journal = await this.#openJournal()
    if (journal === undefined || journal.entries.length === 0) return false
    const { queries } = this.dataset
    const order = shuffledIndexes(queries.rows, this.#random('order'))
    const known = new LaneJournal(journal)
    const turns = [...schedule.turns(lanes)]
    return lanes.every((lane, index) => {
      const run = new LaneRun(lane, queries, order)
      known.restore(run)
      return isDone(run, index, turns)
    })
  }

  describeDataset(): BenchResult['dataset'] {
    const { dataset, truth } = this
    return {
      name: dataset.name,
      synthetic: dataset.synthetic,
      rows: dataset.base.rows,
      dims: dataset.base.dims,
      metric: dataset.metric,
      queries: dataset.queries.rows,
      k: truth.k,
      sha256: dataset.sha256,
    }
  }

  /** @throws ERR_CHECK_FAILED where a path found nearer neighbours than the true ones. */
  async summarise({
    records,
    isComplete,
    readBandwidthsGBps,
    wasResumed,
    studies,
    used: usedBefore,
  }: Observations): Promise<{ summary: Summary; samples: RawSamples }> {
    const { dataset } = this
    const readBandwidthGBps = mean(readBandwidthsGBps)
    const context = {
      dataset,
      ...this.#truths,
      random: this.#random('bootstrap'),
      readBandwidthGBps,
      studies,
    }
    const measured = records.map((record) => summariseLane(record, context))
    const machine = await describeMachine()
    const [first] = this.#arms
    const used = usedBefore ?? (await first?.arm.target?.stats())
    const summary: Summary = {
      schema: 'simdgres.bench/2',
      isComplete,
      machine: { fingerprint: fingerprintOf(machine) },
      environment: { settings: {}, target: 'none', ...machine, ...first?.environment, readBandwidthGBps },
      dataset: this.describeDataset(),
      paths: [...spreadOverBuilds(measured), ...this.#arms.flatMap(({ refusals }) => refusals)].sort(
        byPathOf(this.#arms),
      ),
      comparisons: compareLanes(records),
      ...(used && { server: { memoryPeakBytes: used.memoryPeakBytes, cpuSeconds: used.cpuSeconds } }),
      warnings: [
        ...this.#arms.flatMap(({ warnings }) => warnings),
        ...this.#notes,
        ...(wasResumed ? ['The run was killed and went on later: its rounds are of two sittings.'] : []),
        ...listWarnings({
          records,
          k: this.truth.k,
          dims: dataset.base.dims,
          powerSaving: await readPowerSaving(),
        }),
      ],
    }
    return { summary, samples: collectSamples(records) }
  }

  /** Resolves to what could not be cleaned up. */
  async close(): Promise<string[]> {
    const problems: string[] = []
    for (const arm of this.#arms.splice(0).reverse()) {
      problems.push(...(await arm.close(this.#control.progress)))
    }
    await this.#journal?.remove()
    this.#journal = undefined
    return problems
  }

  /** What was measured is true of this data, searched by this program on this machine, in these very tables. */
  async #openJournal(): Promise<Journal | undefined> {
    const { resumeKey, progress } = this.#control
    if (resumeKey === undefined || this.#journal !== undefined) return this.#journal
    const { node, ...machine } = await describeMachine()
    const tables = this.#arms.map(({ workspace }) => workspace?.id)
    const program = [hashProgram(), node]
    const parts = [this.dataset.sha256, this.truth.k, program, fingerprintOf(machine), tables]
    this.#journal = await Journal.open(resumeKey, JSON.stringify(parts), progress)
    return this.#journal
  }

  get #truths(): Truths {
    return { truth: this.truth, ...(this.#filtered && { filtered: this.#filtered.truths }) }
  }

  #random(stream: keyof typeof streams): Random {
    return new Random(this.#question.seed, streams[stream])
  }

  #explainFailure(error: unknown, lane: Lane, signal: AbortSignal): Promise<string> {
    const workspace = lane.corpus.path.needsServer
      ? this.#arms.find(({ arm }) => arm.name === lane.arm)?.workspace
      : undefined
    return explainFailure(error, { ...this.#control, signal, workspace })
  }
}

interface FilteredRows {
  readonly filters: RowFilters
  /** By the filter's name in a variant. */
  readonly truths: ReadonlyMap<string, GroundTruth>
}

async function filterRows(
  dataset: Dataset,
  { filters: percents, k, seed, threads }: Question,
  control: Control,
): Promise<FilteredRows | undefined> {
  if (percents === undefined) return undefined
  for (const percent of percents) checkPassing(dataset.base.rows, percent, k)
  const filters = createRowFilters(dataset.base.rows, percents, new Random(seed, streams.filter))
  const truths = new Map<string, GroundTruth>()
  for (const percent of percents) {
    truths.set(
      nameFilter(percent),
      await filteredTruth(dataset, k, filters, percent, { ...control, threads }),
    )
  }
  return { filters, truths }
}

/** Rows in the order of the paths asked for; a stable sort keeps the order of designs and variants. */
function byPathOf(arms: readonly PreparedArm[]) {
  const ids = arms.flatMap(({ arm }) => arm.paths.map(({ id }) => id))
  return (a: { id: string }, b: { id: string }): number => ids.indexOf(a.id) - ids.indexOf(b.id)
}
