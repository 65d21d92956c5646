import { invalidArgument } from '../errors.js'
import type { Design, Knobs, PathId } from '../paths/search-path.js'
import type { ServerLimits } from '../targets/target.js'
import { findKnob, type Knob, knobs, readKnobValue } from './knobs.js'

/** A knob and the values of it that are tried. */
export interface KnobValues {
  readonly knob: Knob
  readonly values: readonly string[]
}

export type Settings = Readonly<Record<string, string>>

/** Whether both name the same knobs with the same values, in whatever order. */
export function isSameSetting(a: Knobs, b: Knobs): boolean {
  const [first, second] = [a, b].map((settings) => JSON.stringify(Object.entries(settings).sort()))
  return first === second
}

/** One setting of all knobs, on one path, asked by so many clients. */
export interface Point {
  readonly path: PathId
  readonly design: Design
  /** Needs a restart. */
  readonly server: Settings
  readonly session: Settings
  readonly clients: number
}

/**
 * `shared_buffers=128MB,1GB,max_parallel_workers_per_gather=0,1,2`: a part with a `=` begins the next knob. A name alone
 * stands for all of its range.
 * @throws ERR_INVALID_ARGUMENT naming the knob.
 */
export function parseGrid(text: string, limits: ServerLimits): KnobValues[] {
  const found = new Map<string, string[]>()
  let values: string[] | undefined
  for (const part of text.split(',')) {
    const at = part.indexOf('=')
    const name = (at === -1 ? part : part.slice(0, at)).trim()
    if (at === -1 && values !== undefined && !knobs.some((knob) => knob.name === name)) {
      values.push(part)
      continue
    }
    const knob = findKnob(name)
    if (found.has(name)) throw invalidArgument('--grid', 'each knob once', text)
    values = at === -1 ? [...knob.range(limits)] : [part.slice(at + 1)]
    found.set(name, values)
  }
  return [...found].map(([name, texts]) => {
    const knob = findKnob(name)
    return { knob, values: [...new Set(texts.map((value) => readKnobValue(knob, value)))] }
  })
}

/** Every combination of the values; one empty one of no knobs. */
export function combine(chosen: readonly KnobValues[]): Settings[] {
  return chosen.reduce<Settings[]>(
    (all, { knob, values }) =>
      all.flatMap((settings) => values.map((value) => ({ ...settings, [knob.name]: value }))),
    [{}],
  )
}

const ofClass = (chosen: readonly KnobValues[], name: Knob['class'], path?: PathId) =>
  chosen.filter(({ knob }) => knob.class === name && (path === undefined || (knob.appliesTo?.(path) ?? true)))

/** What of the path is built; a design that names nothing is the path's own best. */
export function listDesigns(chosen: readonly KnobValues[], path: PathId): Design[] {
  return combine(ofClass(chosen, 'design', path)).map((settings) =>
    Object.fromEntries(
      Object.entries(settings).map(([name, value]) => [
        name,
        // Of a count, a name such as auto stays one.
        findKnob(name).unit === 'count' && /^\d+$/.test(value) ? Number(value) : value,
      ]),
    ),
  )
}

/** The restarts of a grid. */
export function listServers(chosen: readonly KnobValues[]): Settings[] {
  return combine(ofClass(chosen, 'restart'))
}

/** Of one path between two restarts. */
export function listSessions(chosen: readonly KnobValues[], path: PathId): Settings[] {
  return combine(ofClass(chosen, 'session', path))
}

/** All points of a grid that one server measures. A knob that says nothing to a path makes no points of it. */
export function listPoints(
  chosen: readonly KnobValues[],
  paths: readonly PathId[],
  clients: readonly number[],
  server: Settings,
): Point[] {
  return paths.flatMap((path) =>
    listDesigns(chosen, path).flatMap((design) =>
      listSessions(chosen, path).flatMap((session) =>
        clients.map((count) => ({ path, design, server, session, clients: count })),
      ),
    ),
  )
}
