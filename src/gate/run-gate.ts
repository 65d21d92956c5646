import { SimdgresError, throwIfAborted } from '../errors.js'
import type { PreparedArm } from '../measure/arm.js'
import { describeMachine } from '../measure/environment.js'
import { type Control, Experiment, type Question } from '../measure/experiment.js'
import type { Lane } from '../measure/lane.js'
import { abbaBlocks } from '../measure/schedule/abba-blocks.js'
import type { PathId } from '../paths/search-path.js'
import { fingerprintOf } from '../result/fingerprint.js'
import type { GateMetric, GateResult } from '../result/gate-schema.js'
import { Random } from '../stats/random.js'
import { variance } from '../stats/samples.js'
import { type ArmSpec, nameArm } from './arm-spec.js'
import { describeArm, haveSameServer, type ResolvedArm, resolveArm } from './arms.js'
import { decide, defaultPolicy, type MetricSamples, type Policy, type Verdict } from './decide.js'
import { compareRecords, type PairedRow, pairLanes, type UnpairedRow } from './observe.js'
import { delaySearches } from './planted-delay.js'

export interface GateRequest extends Question {
  readonly base: ArmSpec
  readonly head: ArmSpec
  readonly paths: readonly PathId[]
  /** Time for measuring, both stages together; builds, loading and warm-up come on top. */
  readonly budgetMs: number
  /** Share by which one row of the head is slowed down on purpose. */
  readonly plantedDelay?: number
}

/** Paths that our code has no part in. */
const controlPaths: readonly PathId[] = ['null', 'pgvector-exact', 'sql']
const policy: Policy = defaultPolicy
/** Shorter turns would measure the change from one arm to the other: caches are cold then. */
const shortestTurnMs = 50
const longestTurnMs = 1000
/** The other half is for confirming what the first stage flags. */
const stageShare = 0.5
const turnsPerBlock = 4
const warmUpMs = 1500

/** What one deployment of both arms has given. */
interface Stage {
  readonly rows: readonly PairedRow[]
  readonly unpaired: readonly UnpairedRow[]
  readonly environments: Readonly<Record<'base' | 'head', PreparedArm['environment']>>
  readonly dataset: NonNullable<GateResult['dataset']>
  readonly warnings: readonly string[]
}

/**
 * Measures both arms in one process, in blocks of turns over the same queries, and judges what has changed. What the first
 * stage flags is measured again on fresh servers, and only what both find counts. Nothing it started is left behind.
 * @throws ERR_ABORTED where it is stopped: half of a comparison is none.
 */
export async function runGate(request: GateRequest, control: Control): Promise<GateResult> {
  const startedAt = new Date()
  const run = await describeRun(request)
  const result = (rest: Pick<GateResult, 'verdict' | 'metrics'> & Partial<GateResult>): GateResult => ({
    schema: 'simdgres.gate/1',
    startedAt: startedAt.toISOString(),
    durationMs: Date.now() - startedAt.getTime(),
    checks: [],
    unpaired: [],
    warnings: [],
    ...run,
    ...rest,
  })
  const resolved = await resolveArms(request, control)
  if ('reason' in resolved) return result({ verdict: 'not comparable', metrics: [], reason: resolved.reason })
  const { base, head } = resolved
  const controls = haveSameServer(base, head) ? controlPaths : []
  const first = await measureStage(request, resolved, control, request.paths, 0)
  const arms = {
    base: { ...describeServer(first.environments.base), ...armFacts(base) },
    head: { ...describeServer(first.environments.head), ...armFacts(head) },
  }
  const { unpaired, dataset, warnings } = first
  const known = { arms, unpaired: [...unpaired], dataset, warnings: [...warnings] }
  if (first.rows.length === 0) {
    const reason = 'No row could be measured in both arms.'
    return result({ ...known, verdict: 'not comparable', metrics: [], reason })
  }
  let samples = toSamples(first.rows, [], controls)
  let verdicts = decide(samples, policy)
  const flagged = first.rows.filter((_, i) => verdicts[i]!.needsConfirmation)
  if (flagged.length > 0) {
    control.progress.note(
      `measuring again on fresh servers: ${flagged.map(({ subject }) => subject).join(', ')}`,
    )
    const again = new Set([...flagged.map(({ pathId }) => pathId), ...controls])
    const paths = request.paths.filter((id) => again.has(id))
    const second = await measureStage(request, resolved, control, paths, 1)
    samples = toSamples(first.rows, second.rows, controls)
    verdicts = decide(samples, policy)
  }
  const metrics = verdicts.map((verdict, i) => describeMetric(verdict, samples[i]!))
  const checks = first.rows.flatMap((row) => row.checks)
  return result({ ...known, metrics, checks, ...conclude(metrics, checks, verdicts) })
}

/** A base that does not build is nothing to be compared with, which is no fault of the head. */
async function resolveArms(
  { base, head, paths }: GateRequest,
  control: Control,
): Promise<{ base: ResolvedArm; head: ResolvedArm } | { reason: string }> {
  const resolvedHead = await resolveArm(head, { ...control, paths })
  try {
    return { base: await resolveArm(base, { ...control, paths }), head: resolvedHead }
  } catch (error) {
    if (!(error instanceof SimdgresError) || error.code !== 'ERR_UNAVAILABLE') throw error
    return { reason: `The base cannot be built. ${error.message}` }
  }
}

async function measureStage(
  request: GateRequest,
  arms: Readonly<Record<'base' | 'head', ResolvedArm>>,
  control: Control,
  paths: readonly PathId[],
  stage: 0 | 1,
): Promise<Stage> {
  const random = () => new Random(request.seed + stage, 4)
  const experiment = await Experiment.open(request, control)
  try {
    const prepared: Partial<Record<'base' | 'head', PreparedArm>> = {}
    // Who comes first gets the quieter machine, or the colder one.
    const order = random().below(2) === 0 ? (['base', 'head'] as const) : (['head', 'base'] as const)
    for (const name of order) {
      const { threads } = request
      const arm = await describeArm(name, arms[name], { ...control, paths, threads })
      prepared[name] = await experiment.prepare(arm)
    }
    const [base, head] = [prepared.base!, prepared.head!]
    const { paired, unpaired } = pairLanes(base.lanes(), plantDelay(head.lanes(), request))
    const pairs = paired.length / 2
    const turnMs = (request.budgetMs * stageShare) / (pairs * policy.minBlocks * turnsPerBlock)
    const schedule = abbaBlocks({
      blocks: policy.minBlocks,
      baseArm: 'base',
      queriesOf: ({ corpus }, msPerQuery) =>
        Math.max(
          corpus.path.batchSize,
          Math.round(Math.min(longestTurnMs, Math.max(shortestTurnMs, turnMs)) / msPerQuery),
        ),
      random,
    })
    const observed = paired.length === 0 ? undefined : await experiment.measure(paired, schedule, warmUpMs)
    throwIfAborted(control.signal)
    const { rows, failed } = compareRecords(observed?.records ?? [], experiment)
    const { dataset, truth } = experiment
    return {
      rows,
      unpaired: [...unpaired, ...failed],
      environments: { base: base.environment, head: head.environment },
      dataset: {
        name: dataset.name,
        rows: dataset.base.rows,
        dims: dataset.base.dims,
        metric: dataset.metric,
        k: truth.k,
        sha256: dataset.sha256,
      },
      warnings: [...new Set([...base.warnings, ...head.warnings])],
    }
  } finally {
    await experiment.close()
  }
}

/** In the last row that is not a control: those in this process have the least noise. */
function plantDelay(lanes: readonly Lane[], { plantedDelay }: GateRequest): Lane[] {
  if (plantedDelay === undefined) return [...lanes]
  const slowed = findPlanted(lanes.map(({ corpus }) => corpus.path.id))
  return lanes.map((lane) =>
    lane.corpus.path.id === slowed ? { ...lane, corpus: delaySearches(lane.corpus, plantedDelay) } : lane,
  )
}

/** The path that a self-test slows down. @throws ERR_INVALID_ARGUMENT where all are controls. */
export function findPlanted(paths: readonly PathId[]): PathId {
  const planted = paths.findLast((id) => !controlPaths.includes(id))
  if (planted !== undefined) return planted
  throw new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    `A self-test slows a path of ours down, and ${paths.join(', ')} are none`,
    'Add addon-exact to --paths.',
  )
}

function toSamples(
  first: readonly PairedRow[],
  second: readonly PairedRow[],
  controls: readonly PathId[],
): MetricSamples[] {
  return first.map(({ key, subject, pathId, effects }) => {
    const confirmed = second.find((row) => row.key === key)?.effects
    return {
      subject,
      metric: 'time',
      unit: 'log-ratio',
      stages: confirmed === undefined ? [effects] : [effects, confirmed],
      isControl: controls.includes(pathId),
    }
  })
}

function describeMetric(verdict: Verdict, { stages, isControl = false }: MetricSamples): GateMetric {
  const { subject, metric, outcome, effect, ci95, p, pAdjusted, reason } = verdict
  return {
    subject,
    metric,
    outcome,
    ratio: Math.exp(effect),
    ci95: [Math.exp(ci95[0]), Math.exp(ci95[1])],
    ...(!Number.isNaN(p) && { p, pAdjusted }),
    blocks: stages.map((stage) => stage?.length ?? 0),
    spread: Math.sqrt(variance(stages[0])),
    isControl,
    ...(reason !== undefined && { reason }),
  }
}

function conclude(
  metrics: readonly GateMetric[],
  checks: GateResult['checks'],
  verdicts: readonly Verdict[],
): Pick<GateResult, 'verdict' | 'reason'> {
  const has = (outcome: GateMetric['outcome']) => metrics.some((metric) => metric.outcome === outcome)
  if (checks.length > 0) {
    const [{ subject, check, base, head }] = checks as [GateResult['checks'][number]]
    return { verdict: 'regressed', reason: `${subject}: ${check} was ${base} and is ${head}.` }
  }
  if (has('regressed')) return { verdict: 'regressed' }
  if (has('inconclusive')) {
    const { subject, reason } = verdicts.find(({ outcome }) => outcome === 'inconclusive')!
    return { verdict: 'inconclusive', reason: `${subject}: ${reason}` }
  }
  return { verdict: has('improved') ? 'improved' : 'ok' }
}

const armFacts = ({ label, commit }: ResolvedArm) => ({
  spec: label,
  ...(commit !== undefined && { commit }),
})

function describeServer({ postgres, pgvector, extension }: PreparedArm['environment']) {
  return {
    ...(postgres !== undefined && { postgres }),
    ...(pgvector !== undefined && { pgvector }),
    ...(extension !== undefined && { extension }),
  }
}

async function describeRun({ seed, base, head }: GateRequest) {
  const { effects, alpha, minBlocks } = policy
  return {
    machine: { fingerprint: fingerprintOf(await describeMachine()) },
    seed,
    arms: { base: { spec: nameArm(base) }, head: { spec: nameArm(head) } },
    policy: {
      alpha,
      minBlocks,
      minimalChange: Math.expm1(effects['log-ratio'].minimal),
      detectableChange: Math.expm1(effects['log-ratio'].detectable),
    },
  }
}
