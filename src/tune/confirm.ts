import { throwIfAborted } from '../errors.js'
import { decide, type MetricSamples, type Verdict } from '../gate/decide.js'
import { countOf, pool } from '../gate/evidence.js'
import { type Control, Experiment } from '../measure/experiment.js'
import { findPathRow } from '../paths/registry.js'
import type { TuneComparison, TunePoint } from '../result/tune-schema.js'
import { Random, shuffledIndexes } from '../stats/random.js'
import type { Candidate } from './candidates.js'
import { Heats } from './heat.js'
import type { VariantsOf } from './lanes.js'
import { deployServer } from './open-server.js'
import type { SearchRequest } from './request.js'
import { addCosts, type ServerCost } from './tuned-server.js'

/** As many as the gate asks for: its test over 16 blocks can give 2^-16. */
const confirmBlocks = 16
const orderStream = 7

export interface Confirmation {
  readonly comparisons: TuneComparison[]
  readonly cost: ServerCost & { measureMs: number; measurements: number }
}

interface Stage {
  /** log(finalist / present) of the time, by the finalist's name: positive is worse, as the gate has it. */
  readonly effects: ReadonlyMap<string, readonly number[]>
  readonly points: ReadonlyMap<string, TunePoint>
}

/**
 * Measures the finalists again, each against the present setting, on servers that were deployed for it. What the first
 * deployment calls faster or slower is measured on a second one, and only what both find counts.
 */
export async function confirm(
  finalists: readonly Candidate[],
  present: Candidate,
  variantsOf: VariantsOf,
  { request, turnMs, control }: { request: SearchRequest; turnMs: number; control: Control },
): Promise<Confirmation> {
  const cost = { deployments: 0, restarts: 0, restartMs: 0, measureMs: 0, measurements: 0 }
  const measureStage = async (stage: number, wanted: readonly Candidate[]): Promise<Stage> => {
    const { progress } = control
    progress.note(`Measuring again on fresh servers: ${wanted.map(({ name }) => name).join(', ')}.`)
    const staged = { ...control, resumeKey: `${control.resumeKey}-${stage}` }
    const experiment = await Experiment.open(request, staged)
    try {
      const base = await deployServer(
        request,
        { experiment, name: 'base', paths: choose([present]) },
        control,
      )
      const head = await deployServer(request, { experiment, name: 'head', paths: choose(wanted) }, staged)
      const heats = new Heats({ request, experiment, variantsOf, turnMs, control: staged })
      const effects = new Map<string, readonly number[]>()
      const order = shuffledIndexes(wanted.length, new Random(request.seed + stage, orderStream))
      for (const index of order) {
        const candidate = wanted[index]!
        const reason = await head.moveTo(candidate.server)
        if (reason !== undefined) {
          heats.fail(candidate, reason)
          continue
        }
        const incumbent = { candidate: present, server: base }
        const isExact = [present, candidate].every(({ path }) => findPathRow(path).exact)
        const least = isExact ? undefined : Math.ceil(experiment.dataset.queries.rows / confirmBlocks)
        const [heat] = await heats.run(incumbent, [{ candidate, server: head }], confirmBlocks, least)
        effects.set(
          candidate.name,
          heat!.effects.map((effect) => -effect),
        )
      }
      throwIfAborted(control.signal)
      const { deployments, restarts, restartMs } = addCosts([base, head])
      cost.deployments += deployments
      cost.restarts += restarts
      cost.restartMs += restartMs
      cost.measureMs += heats.measureMs
      cost.measurements += heats.measurements
      return { effects, points: heats.points }
    } finally {
      await experiment.close()
    }
  }
  const first = await measureStage(0, finalists)
  let samples = toSamples(finalists, first)
  let verdicts = decide(samples)
  const flagged = finalists.filter((_, i) => verdicts[i]!.needsConfirmation)
  if (flagged.length > 0) {
    samples = toSamples(finalists, first, await measureStage(1, flagged), flagged)
    verdicts = decide(samples)
  }
  const comparisons = finalists.map((finalist, i) =>
    describe(finalist, verdicts[i]!, samples[i]!, first.points.get(finalist.name), request),
  )
  return { comparisons, cost }
}

const choose = (candidates: readonly Candidate[]) =>
  [...new Set(candidates.map(({ path }) => path))].map((id) => ({
    id,
    designs: distinct(candidates.filter(({ path }) => path === id).map(({ design }) => design)),
  }))

function distinct<T>(values: readonly T[]): T[] {
  return [...new Map(values.map((value) => [JSON.stringify(value), value])).values()]
}

function toSamples(
  finalists: readonly Candidate[],
  first: Stage,
  second?: Stage,
  flagged: readonly Candidate[] = [],
): MetricSamples[] {
  return finalists.map((finalist) => {
    const of = first.effects.get(finalist.name) ?? []
    const shared = { subject: finalist.name, metric: 'time', unit: 'log-ratio' } as const
    return flagged.includes(finalist)
      ? { ...shared, stages: [of, second?.effects.get(finalist.name) ?? []] }
      : { ...shared, stages: [of] }
  })
}

function describe(
  { name, path, design, server, session }: Candidate,
  { outcome, effect, ci95: [low, high], pAdjusted, reason }: Verdict,
  { stages }: MetricSamples,
  point: TunePoint | undefined,
  { clients, recall }: SearchRequest,
): TuneComparison {
  const failure = point?.status === 'failed' ? point.reason : undefined
  const found = point?.status === 'ok' ? point.recall : undefined
  const isShort = found !== undefined && found.mean < 1 && found.ci95[0] < recall
  const doubt =
    failure ?? (isShort ? `Its recall may be ${found.ci95[0].toFixed(3)}, below ${recall}.` : reason)
  const isKnown = Number.isFinite(low) && Number.isFinite(high)
  return {
    ...{ name, path, design: { ...design }, server: { ...server }, session: { ...session }, clients },
    variant: { ...point?.variant },
    speedUp: isKnown ? Math.exp(-effect) : 1,
    ci95: isKnown ? [Math.exp(-high), Math.exp(-low)] : [1, 1],
    blocks: countOf(pool(stages)),
    outcome: failure === undefined && !isShort ? outcome : 'inconclusive',
    ...(!Number.isNaN(pAdjusted) && { p: pAdjusted }),
    ...(found && { recall: found }),
    ...(doubt !== undefined && { reason: doubt }),
  }
}
