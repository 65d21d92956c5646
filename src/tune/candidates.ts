import type { Knobs, PathId } from '../paths/search-path.js'
import { nameSetting } from '../report/columns.js'
import type { ServerLimits } from '../targets/target.js'
import { formatSize } from './knobs.js'
import { isSameSetting, type KnobValues, listDesigns, type Settings } from './points.js'

/** A setting of all knobs, with a name that a reader can follow. */
export interface Candidate {
  readonly name: string
  readonly path: PathId
  readonly design: Knobs
  readonly server: Settings
  readonly session: Settings
}

/** What everybody starts from without having measured anything. */
export interface StartingPoint {
  readonly name: string
  readonly server: Settings
  readonly session: Settings
  readonly source: string
}

const gib = 1024 ** 3
const mib = 1024 ** 2
/** What pgtune assumes of a web application. */
const webConnections = 200

/** PostgreSQL's own defaults, and what pgtune would advise for the same machine. */
export function listStartingPoints({ cpus, memoryBytes }: ServerLimits): StartingPoint[] {
  const processors = Math.max(1, Math.ceil(cpus))
  const buffers = Math.floor(memoryBytes / 4 / mib) * mib
  const perGather = Math.min(4, Math.max(1, Math.ceil(processors / 2)))
  const workMem = (memoryBytes - buffers) / (webConnections * 3) / perGather
  return [
    {
      name: 'defaults',
      server: { shared_buffers: '128MB', max_parallel_workers: '8', max_worker_processes: '8' },
      session: {
        max_parallel_workers_per_gather: '2',
        work_mem: '4MB',
        random_page_cost: '4',
        effective_io_concurrency: '1',
        effective_cache_size: '4GB',
        jit: 'on',
      },
      source: "PostgreSQL's built-in values, of version 17",
    },
    {
      name: 'pgtune',
      server: {
        shared_buffers: formatSize(buffers),
        max_parallel_workers: String(processors),
        max_worker_processes: String(processors),
      },
      session: {
        max_parallel_workers_per_gather: String(perGather),
        work_mem: formatSize(Math.max(64 * 1024, Math.floor(workMem / 1024) * 1024)),
        random_page_cost: '1.1',
        effective_io_concurrency: '200',
        effective_cache_size: formatSize(Math.floor((memoryBytes * 3) / 4 / mib) * mib),
      },
      source: `pgtune.leopard.in.ua, web application, solid-state disk, ${webConnections} connections, ${(memoryBytes / gib).toFixed(1)} GB`,
    },
  ]
}

/** Everything that another path or another design of a path is, the rest as it is. */
export function listDesignCandidates(
  incumbent: Candidate,
  paths: readonly PathId[],
  knobs: readonly KnobValues[],
): Candidate[] {
  return paths
    .flatMap((path) => listDesigns(knobs, path).map((design) => ({ path, design })))
    .filter(({ path, design }) => path !== incumbent.path || !isSameSetting(design, incumbent.design))
    .map(({ path, design }) => ({ ...incumbent, path, design, name: nameSetting(path, design) }))
}

/** Starting points, then every other value of one knob that needs a restart. */
export function listServerCandidates(
  incumbent: Candidate,
  starts: readonly StartingPoint[],
  knobs: readonly KnobValues[],
  present: Settings,
): Candidate[] {
  const ofKnobs = new Set(knobs.map(({ knob }) => knob.name))
  const joint = starts.map(({ name, server, session }) => ({
    ...incumbent,
    name,
    server: { ...incumbent.server, ...server },
    session: { ...incumbent.session, ...session },
  }))
  const single = changesOf('restart', incumbent, knobs, { ...present, ...incumbent.server }).map(
    ([name, value]) => ({
      ...incumbent,
      name: `${name}=${value}`,
      server: { ...incumbent.server, [name]: value },
    }),
  )
  return ofKnobs.size === 0 ? joint : [...joint, ...single]
}

/** Every other value of one knob of sessions. */
export function listSessionCandidates(
  incumbent: Candidate,
  knobs: readonly KnobValues[],
  present: Settings,
): Candidate[] {
  return changesOf('session', incumbent, knobs, { ...present, ...incumbent.session }).map(
    ([name, value]) => ({
      ...incumbent,
      name: `${name}=${value}`,
      session: { ...incumbent.session, [name]: value },
    }),
  )
}

function changesOf(
  kind: 'restart' | 'session',
  { path }: Candidate,
  knobs: readonly KnobValues[],
  now: Settings,
): [name: string, value: string][] {
  return knobs
    .filter(({ knob }) => knob.class === kind && (knob.appliesTo?.(path) ?? true))
    .flatMap(({ knob: { name }, values }) =>
      values.filter((value) => value !== now[name]).map((value): [string, string] => [name, value]),
    )
}
