import { throwIfAborted } from '../errors.js'
import { type Control, Experiment } from '../measure/experiment.js'
import type { TuneResult, TuneStage } from '../result/tune-schema.js'
import { mean } from '../stats/samples.js'
import {
  type Candidate,
  listDesignCandidates,
  listServerCandidates,
  listSessionCandidates,
  listStartingPoints,
} from './candidates.js'
import { type Confirmation, confirm } from './confirm.js'
import { Heats, type Runner } from './heat.js'
import { deployServer } from './open-server.js'
import { listDesigns } from './points.js'
import { readPresent } from './present.js'
import { intervalOf, type Place, race, usualRace } from './race.js'
import { recommend } from './recommend.js'
import { nameRequest, type SearchRequest } from './request.js'
import { describeKnobs, describeRefusals, describeTune } from './tune-result.js'
import { addCosts, type TunedServer } from './tuned-server.js'

/** A restart and the warming of its tables take longer than what is measured between two of them. */
const mostServerCandidates = 5
/** Blocks of a server that is not surely slower after the first heat. */
const serverBlocks = [4, 4] as const
/** One knob of sessions changes per pass: some help only once another one has been turned. */
const sessionPasses = 3
const mostFinalists = 3
/** Turns of a search with one path and all usual knobs; a turn's time follows from it. */
const usualTurns = 600
const shortestTurnMs = 60
const longestTurnMs = 1000

interface Search {
  readonly request: SearchRequest
  readonly heats: Heats
  readonly stages: TuneStage[]
  readonly warnings: string[]
  /** Of every stage, those that were measured. */
  readonly seen: Place<Candidate>[]
  readonly control: Control
}

/**
 * Looks for the fastest setting from outside in: what is built, what a restart changes, what a session sets. Each stage races
 * challengers against the incumbent, and the best are measured again on fresh servers: what is recommended was faster than
 * the present setting there, twice, or nothing is recommended.
 * @throws ERR_ABORTED where it is stopped: half of a search recommends nothing.
 */
export async function runSearch(request: SearchRequest, outer: Control): Promise<TuneResult> {
  const startedAt = new Date()
  const control = { ...outer, resumeKey: nameRequest(request) }
  const turnMs = Math.min(longestTurnMs, Math.max(shortestTurnMs, request.budgetMs / usualTurns))
  const experiment = await Experiment.open(request, control)
  try {
    const paths = request.paths.map((id) => ({ id, designs: listDesigns(request.knobs, id) }))
    const first = await deployServer(request, { experiment, name: 'first', paths }, control)
    const known = await describeTune(experiment, first.arm)
    const present = await readPresent(first, request.knobs)
    const variantsOf = await experiment.chooseVariants(first.arm, [request.recall])
    const heats = new Heats({ request, experiment, variantsOf, turnMs, control, budgetMs: request.budgetMs })
    const search: Search = {
      ...{ request, heats, control },
      stages: [],
      warnings: [...first.arm.warnings, ...describeRefusals(first.arm)],
      seen: [],
    }
    const start: Candidate = {
      name: 'present',
      path: request.paths[0]!,
      design: listDesigns(request.knobs, request.paths[0]!)[0]!,
      server: {},
      session: {},
    }
    let incumbent: Runner = { candidate: start, server: first }
    incumbent = await raceOnServer(search, 'design', incumbent, (now) =>
      listDesignCandidates(now, request.paths, request.knobs),
    )
    const second = () => {
      const { path, design } = incumbent.candidate
      return deployServer(
        request,
        { experiment, name: 'second', paths: [{ id: path, designs: [design] }] },
        control,
      )
    }
    const limits = first.arm.environment.limits ?? {
      cpus: known.environment.cores,
      memoryBytes: request.settings.memoryBytes ?? known.environment.memoryBytes,
    }
    const starts = listStartingPoints(limits)
    const servers = await raceServers(search, incumbent, second, (now) =>
      listServerCandidates(now, starts, request.knobs, present),
    )
    incumbent = servers.incumbent
    for (let pass = 1; pass <= sessionPasses; pass++) {
      const before = incumbent
      incumbent = await raceOnServer(search, `session, pass ${pass}`, incumbent, (now) =>
        listSessionCandidates(now, request.knobs, present),
      )
      if (incumbent === before) break
    }
    const finalists = chooseFinalists(search, start, incumbent.candidate, servers.defaults)
    const cost = addCosts([first, ...servers.deployed])
    const { wasResumed } = heats
    search.warnings.push(...(await experiment.close()))
    const found: Confirmation =
      finalists.length === 0
        ? { comparisons: [], cost: noCost() }
        : await confirm(finalists, start, variantsOf, { request, turnMs, control })
    throwIfAborted(control.signal)
    if (wasResumed)
      search.warnings.push('The run was killed and went on later: its blocks are of two sittings.')
    return {
      ...known,
      mode: 'search',
      startedAt: startedAt.toISOString(),
      durationMs: Date.now() - startedAt.getTime(),
      isComplete: true,
      seed: request.seed,
      goal: request.goal,
      recallTarget: request.recall,
      knobs: describeKnobs(request.knobs),
      points: [...heats.points.values()],
      effects: [],
      importance: [],
      stages: search.stages,
      confirmation: found.comparisons,
      recommendation: recommend(found.comparisons, start, present),
      cost: {
        deployments: cost.deployments + found.cost.deployments,
        restarts: cost.restarts + found.cost.restarts,
        restartMs: cost.restartMs + found.cost.restartMs,
        measureMs: heats.measureMs + found.cost.measureMs,
        measurements: heats.measurements + found.cost.measurements,
      },
      warnings: search.warnings,
    }
  } finally {
    await experiment.close()
  }
}

const noCost = () => ({ deployments: 0, restarts: 0, restartMs: 0, measureMs: 0, measurements: 0 })

/** A race of settings that one server can have side by side. */
async function raceOnServer(
  search: Search,
  stage: string,
  incumbent: Runner,
  list: (incumbent: Candidate) => Candidate[],
): Promise<Runner> {
  const { server } = incumbent
  const challengers = list(incumbent.candidate)
  if (challengers.length === 0 || isOver(search, stage)) return incumbent
  search.control.progress.note(
    `Stage ${stage}: ${challengers.length} challengers of ${incumbent.candidate.name}.`,
  )
  const { heats } = search
  const outcome = await race(
    challengers,
    (running, blocks) =>
      heats.run(
        incumbent,
        running.map((candidate) => ({ candidate, server })),
        blocks,
      ),
    { ...usualRace, isOver: () => heats.isOver },
  )
  if (heats.isOver) warnOfTime(search, `while stage ${stage} was measured: it is decided by what was known`)
  return close(search, stage, incumbent, outcome.places, (candidate) => ({ candidate, server }))
}

/**
 * Challengers that need a restart run on a second server, which takes turns with the first. All have as many blocks, and
 * the one with the highest lower bound wins, if that is above 1.
 */
async function raceServers(
  search: Search,
  incumbent: Runner,
  deploy: () => Promise<TunedServer>,
  list: (incumbent: Candidate) => Candidate[],
): Promise<{ incumbent: Runner; deployed: TunedServer[]; defaults: Candidate | undefined }> {
  const all = list(incumbent.candidate)
  const defaults = all.find(({ name }) => name === 'defaults')
  const challengers = all.slice(0, mostServerCandidates)
  if (challengers.length === 0 || isOver(search, 'restart')) return { incumbent, deployed: [], defaults }
  const left = all.slice(mostServerCandidates).map(({ name }) => name)
  if (left.length > 0) {
    search.warnings.push(
      `Not tried, as they would need more restarts: ${left.join(', ')}. --grid measures them.`,
    )
  }
  search.control.progress.note(
    `Stage restart: ${challengers.length} challengers of ${incumbent.candidate.name}.`,
  )
  const server = await deploy()
  const places: Place<Candidate>[] = []
  for (const candidate of challengers) {
    if (isOver(search, `restart, ${candidate.name}`)) break
    places.push(await runServer(search, incumbent, { candidate, server }))
  }
  const best = places
    .filter(({ effects }) => effects.length > 0)
    .sort((a, b) => intervalOf(b.effects)[0] - intervalOf(a.effects)[0])[0]
  const isWon = best !== undefined && intervalOf(best.effects)[0] > 0
  const judged = places.map((place) => (isWon && place === best ? { ...place, fate: 'won' as const } : place))
  // It was good a moment ago; where it is not any more, the incumbent stays.
  if (isWon && (await server.moveTo(best.challenger.server)) !== undefined) {
    return {
      incumbent: close(search, 'restart', incumbent, places, () => incumbent),
      deployed: [server],
      defaults,
    }
  }
  const next = close(search, 'restart', incumbent, judged, (candidate) => ({ candidate, server }))
  return { incumbent: next, deployed: [server], defaults }
}

async function runServer(search: Search, incumbent: Runner, runner: Runner): Promise<Place<Candidate>> {
  const { candidate, server } = runner
  const effects: number[] = []
  for (const blocks of serverBlocks) {
    // A heat that a killed run has measured needs no restart.
    const isKnown = await search.heats.hasNext(incumbent, [runner], blocks)
    const reason = isKnown ? undefined : await server.moveTo(candidate.server)
    if (reason !== undefined) {
      search.heats.fail(candidate, reason)
      return { challenger: candidate, effects, fate: 'failed', reason }
    }
    const [heat] = await search.heats.run(incumbent, [runner], blocks)
    if (heat!.failure !== undefined) {
      return { challenger: candidate, effects, fate: 'failed', reason: heat!.failure }
    }
    effects.push(...heat!.effects)
    if (intervalOf(effects)[1] < 0) break
    if (search.heats.isOver) {
      warnOfTime(search, `while ${candidate.name} was measured: it is decided by what was known`)
      break
    }
  }
  const interval = intervalOf(effects)
  const fate = interval[1] < 0 ? ('slower' as const) : ('not shown to be faster' as const)
  return { challenger: candidate, effects, interval, fate }
}

/** Writes the stage down; resolves to who stands at its end. */
function close(
  search: Search,
  stage: string,
  incumbent: Runner,
  places: readonly Place<Candidate>[],
  toRunner: (candidate: Candidate) => Runner,
): Runner {
  search.seen.push(...places)
  search.stages.push({
    stage,
    incumbent: incumbent.candidate.name,
    challengers: places.map(({ challenger, effects, fate, reason }) => ({
      name: challenger.name,
      ...speedUpOf(effects),
      blocks: effects.length,
      fate: reason === undefined ? fate : `${fate}: ${reason}`,
    })),
  })
  const won = places.find(({ fate }) => fate === 'won')
  if (won === undefined) return incumbent
  search.control.progress.note(`${won.challenger.name} takes the place of ${incumbent.candidate.name}.`)
  return toRunner(won.challenger)
}

function speedUpOf(effects: readonly number[]): { speedUp?: number; ci95?: [number, number] } {
  if (effects.length < 2) return {}
  const [low, high] = intervalOf(effects)
  return { speedUp: Math.exp(mean(effects)), ci95: [Math.exp(low), Math.exp(high)] }
}

/** Names of what the second sets in another way than the first. */
export function changedNames(before: Candidate, after: Candidate): string[] {
  const flat = ({ path, design, server, session }: Candidate): Record<string, unknown> => ({
    ...design,
    ...server,
    ...session,
    path,
  })
  const [from, to] = [flat(before), flat(after)]
  return Object.keys(to).filter((name) => from[name] !== to[name])
}

function isOver(search: Search, stage: string): boolean {
  throwIfAborted(search.control.signal)
  if (!search.heats.isOver) return false
  warnOfTime(search, `before ${stage} could be measured`)
  return true
}

function warnOfTime({ warnings }: Search, when: string): void {
  warnings.push(`The time was up ${when}. Give it a longer --budget.`)
}

/** The winner, the next best that were seen, and PostgreSQL's defaults, to be measured again. */
function chooseFinalists(
  { seen }: Search,
  start: Candidate,
  winner: Candidate,
  defaults: Candidate | undefined,
): Candidate[] {
  const named = (candidate: Candidate, name: string) => ({ ...candidate, name })
  const isStart = (candidate: Candidate) => changedNames(start, candidate).length === 0
  const ranked = seen
    .filter(({ effects, fate, challenger }) => {
      return fate !== 'failed' && effects.length > 1 && intervalOf(effects)[1] > 0 && challenger !== winner
    })
    .sort((a, b) => intervalOf(b.effects)[0] - intervalOf(a.effects)[0])
    .map(({ challenger }) => challenger)
  const best = [winner, ...ranked].filter((candidate) => !isStart(candidate)).slice(0, mostFinalists)
  const finalists = best.map((candidate, i) =>
    named(candidate, candidate === winner ? 'winner' : `candidate ${i + 1}`),
  )
  // Its design is the present one: what is compared is the server.
  const { path, design } = start
  if (defaults !== undefined) finalists.push({ ...defaults, path, design, name: 'defaults' })
  return finalists
}
