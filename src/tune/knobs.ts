import { parseByteSize } from '../config/byte-size.js'
import { invalidArgument } from '../errors.js'
import type { PathId } from '../paths/search-path.js'
import type { ServerLimits } from '../targets/target.js'

/**
 * What a change of it costs. `session`: a statement. `restart`: a restart of the server, on the same data. `design`: other
 * tables or indexes.
 */
export type KnobClass = 'session' | 'restart' | 'design'

export type KnobUnit = 'bytes' | 'count' | 'cost' | 'name'

export interface Knob {
  /** Of the server's parameter; of a design, as paths call it. */
  readonly name: string
  readonly class: KnobClass
  readonly unit: KnobUnit
  /** All that there are, for a knob of names; for a knob of numbers, those that it takes beside them. */
  readonly names?: readonly string[]
  /** What is worth trying in a server with these limits, the smallest first. */
  range(limits: ServerLimits): readonly string[]
  /** Missing: every path in a server. */
  appliesTo?(path: PathId): boolean
  /** What it decides here. */
  readonly why: string
  /** Where its range comes from. */
  readonly source: string
}

const mib = 1024 ** 2
const kib = 1024

const isHnsw = (path: PathId) => path.startsWith('pgvector-hnsw')
const isIvfflat = (path: PathId) => path === 'pgvector-ivfflat'
/** Those whose table may keep its vectors out of line. */
const hasStorage = (path: PathId) => ['pgvector-exact', 'extension-exact', 'extension-index'].includes(path)
const isIndex = (path: PathId) => isHnsw(path) || isIvfflat(path)

/** Shares of the memory limit, in whole megabytes. */
const sharesOfMemory =
  (shares: readonly number[]) =>
  ({ memoryBytes }: ServerLimits): string[] => [
    ...new Set(shares.map((share) => `${Math.max(1, Math.floor((memoryBytes * share) / mib))}MB`)),
  ]

/** 0 to one worker less than processors, and one that is too many. */
const workerCounts = ({ cpus }: ServerLimits): string[] => {
  const counts = [0, 1, Math.ceil(cpus / 2), Math.ceil(cpus) - 1, Math.ceil(cpus)]
  return [...new Set(counts)].sort((a, b) => a - b).map(String)
}

/** Every knob, once, in the order in which the search turns them: what costs most to change comes first. */
export const knobs: readonly Knob[] = [
  {
    name: 'storage',
    class: 'design',
    unit: 'name',
    names: ['external', 'plain'],
    range: () => ['external', 'plain'],
    appliesTo: hasStorage,
    why: 'Vectors of 2 KB and more are moved out of their rows unless storage is plain. A scan then fetches each by an index, and the planner sees a table that is small, so it plans no workers.',
    source: 'PostgreSQL, Storage: TOAST; pgvector declares its types external',
  },
  {
    name: 'parallel_workers',
    class: 'design',
    unit: 'count',
    names: ['auto'],
    range: ({ cpus }) => ['auto', String(Math.max(1, Math.ceil(cpus) - 1))],
    appliesTo: (path) => ['pgvector-exact', 'extension-exact'].includes(path),
    why: 'Workers that the planner gives a scan of this table, whatever it takes its size for: vectors out of line do not count for it. auto leaves it to the planner; max_parallel_workers_per_gather is the most either way.',
    source: 'PostgreSQL, CREATE TABLE: computed from the size of the table unless it is set',
  },
  {
    name: 'm',
    class: 'design',
    unit: 'count',
    range: () => ['8', '16', '32'],
    appliesTo: isHnsw,
    why: 'Neighbours of a row in the graph: more find more, and cost bytes and time to build.',
    source: 'pgvector README: 16 by default, 2 to 100',
  },
  {
    name: 'ef_construction',
    class: 'design',
    unit: 'count',
    range: () => ['64', '128'],
    appliesTo: isHnsw,
    why: 'Candidates while the graph is built: more make a better graph, slower.',
    source: 'pgvector README: 64 by default, at least twice m',
  },
  {
    name: 'lists',
    class: 'design',
    unit: 'count',
    range: () => ['100', '300', '1000'],
    appliesTo: isIvfflat,
    why: 'Clusters of rows: more make each smaller, and more of them have to be probed.',
    source: 'pgvector README: rows / 1000 up to a million rows',
  },
  {
    name: 'shared_buffers',
    class: 'restart',
    unit: 'bytes',
    range: sharesOfMemory([1 / 32, 1 / 8, 1 / 4, 1 / 2]),
    why: 'Pages that the server keeps itself. What does not fit is copied from the page cache for each query, or read from disk.',
    source: 'PostgreSQL, Resource Consumption: a quarter of the memory, hardly ever more than 40 %',
  },
  {
    name: 'max_parallel_workers',
    class: 'restart',
    unit: 'count',
    range: workerCounts,
    why: 'Workers of all queries together: with several clients the ones that come late get none.',
    source: 'PostgreSQL, Resource Consumption: 8 by default; one per processor here (tune.sh)',
  },
  {
    name: 'max_worker_processes',
    class: 'restart',
    unit: 'count',
    range: ({ cpus }) => ['8', String(Math.ceil(cpus) + 8)],
    why: 'Room for all background processes; too little silently takes workers away.',
    source: 'PostgreSQL, Resource Consumption: 8 by default',
  },
  {
    name: 'huge_pages',
    class: 'restart',
    unit: 'name',
    names: ['try', 'on', 'off'],
    range: () => ['off', 'try'],
    why: 'Fewer misses of the address cache with large shared_buffers, where the host has reserved huge pages.',
    source: 'PostgreSQL, Resource Consumption: try by default',
  },
  {
    name: 'max_parallel_workers_per_gather',
    class: 'session',
    unit: 'count',
    range: workerCounts,
    why: 'Workers of one query. They shorten an exact scan of one client, and take the processors from others. Indexes of pgvector are never scanned in parallel.',
    source: 'PostgreSQL, Resource Consumption: 2 by default',
  },
  {
    name: 'min_parallel_table_scan_size',
    class: 'session',
    unit: 'bytes',
    range: () => ['0kB', '8MB'],
    why: 'A smaller table gets no workers. Vectors out of line do not count for its size.',
    source: 'PostgreSQL, Query Planning: 8MB by default, and one worker more for each power of 3',
  },
  {
    name: 'parallel_setup_cost',
    class: 'session',
    unit: 'cost',
    range: () => ['0', '1000'],
    why: 'What the planner takes workers to cost. It takes a distance for as cheap as an addition, so with 1000 it plans none below some 60,000 rows, whatever their dimensions.',
    source: 'PostgreSQL, Query Planning: 1000 by default; pgvector declares no costs of its functions',
  },
  {
    name: 'jit',
    class: 'session',
    unit: 'name',
    names: ['on', 'off'],
    range: () => ['off', 'on'],
    why: 'Compiles expressions anew for each execution; exact scans are over the cost from which on it does.',
    source: 'PostgreSQL, Just-in-Time Compilation: on by default',
  },
  {
    name: 'random_page_cost',
    class: 'session',
    unit: 'cost',
    range: () => ['1.1', '4'],
    why: 'With 4 the planner shuns index scans over data that is cached.',
    source: 'PostgreSQL, Query Planning: 4 by default, for disks that rotate',
  },
  {
    name: 'effective_io_concurrency',
    class: 'session',
    unit: 'count',
    range: () => ['1', '200'],
    why: 'Reads ahead; matters for what is in no cache.',
    source: 'PostgreSQL, Resource Consumption: 1 by default until 17, 16 since',
  },
  {
    name: 'work_mem',
    class: 'session',
    unit: 'bytes',
    range: ({ memoryBytes }) => [...new Set(['4MB', `${Math.max(4, Math.floor(memoryBytes / 64 / mib))}MB`])],
    why: 'Memory of a sort. The nearest k of a scan need little of it; IVFFlat sorts what its lists hold.',
    source: 'PostgreSQL, Resource Consumption: 4MB by default',
  },
  {
    name: 'hnsw.ef_search',
    class: 'session',
    unit: 'count',
    range: () => ['40', '80', '160', '320'],
    appliesTo: isHnsw,
    why: 'Candidates of a search: the speed that is paid for recall.',
    source: 'pgvector README: 40 by default, at most 1000',
  },
  {
    name: 'hnsw.iterative_scan',
    class: 'session',
    unit: 'name',
    names: ['off', 'relaxed_order', 'strict_order'],
    range: () => ['off', 'strict_order'],
    appliesTo: isHnsw,
    why: 'Goes on in the graph where a filter has left too few rows.',
    source: 'pgvector README, since 0.8: off by default',
  },
  {
    name: 'ivfflat.probes',
    class: 'session',
    unit: 'count',
    range: () => ['1', '4', '16', '64'],
    appliesTo: isIvfflat,
    why: 'Lists that are searched: the speed that is paid for recall.',
    source: 'pgvector README: 1 by default, sqrt(lists) to begin with',
  },
]

/** Settings that take the place of recalls that the search finds itself. */
export const recallKnobs: readonly string[] = ['hnsw.ef_search', 'ivfflat.probes']

/** Paths whose speed a server's settings decide. */
export function isTunable(path: PathId): boolean {
  return path === 'sql' || hasStorage(path) || isIndex(path)
}

/** @throws ERR_INVALID_ARGUMENT */
export function findKnob(name: string): Knob {
  const knob = knobs.find((row) => row.name === name)
  if (knob !== undefined) return knob
  const names = knobs.map((row) => row.name).join(', ')
  throw invalidArgument('a knob', `one of ${names}`, name, 'See docs/tune.md for what each of them does.')
}

/**
 * The value as it is given to the server. Whether the server takes it, it says itself: what it refuses is a result too.
 * @throws ERR_INVALID_ARGUMENT for what is no value of the knob at all.
 */
export function readKnobValue(knob: Knob, text: string): string {
  const value = text.trim()
  const refuse = (expected: string) => invalidArgument(`the knob ${knob.name}`, expected, text)
  if (knob.names?.includes(value)) return value
  switch (knob.unit) {
    case 'bytes':
      // PostgreSQL takes a number without a unit for pages.
      if (!/^\d+\s*(kB|MB|GB|TB)$/i.test(value))
        throw refuse('a whole number with kB, MB or GB, such as 512MB')
      return formatSize(parseByteSize(value, knob.name))
    case 'count':
      if (!/^\d{1,6}$/.test(value)) throw refuse(['a whole number', ...(knob.names ?? [])].join(' or '))
      return String(Number(value))
    case 'cost':
      if (!/^\d+(\.\d+)?$/.test(value)) throw refuse('a number such as 1.1')
      return String(Number(value))
    case 'name':
      throw refuse(`one of ${knob.names?.join(', ')}`)
  }
}

/** In the largest unit that leaves a whole number; PostgreSQL has no fractions of bytes. */
export function formatSize(bytes: number): string {
  for (const [unit, size] of [
    ['GB', kib * mib],
    ['MB', mib],
  ] as const) {
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`
  }
  return `${Math.floor(bytes / kib)}kB`
}
