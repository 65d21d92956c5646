import type { BenchResult } from './schema.js'

/** Two results that somebody is about to compare. */
export interface Compared {
  readonly before: BenchResult
  readonly now: BenchResult
  /** What they are called: `The earlier run` and `this one` if missing. */
  readonly names?: readonly [before: string, now: string]
}

interface Difference {
  /** What would mislead a reader who is not told. */
  readonly name: string
  /** What of the two says nothing beside each other. */
  readonly forbids: readonly ('speeds' | 'recalls')[]
  /** What is different and the next step. */
  find(compared: Compared): string | undefined
}

const defaultNames = ['The earlier run', 'this one'] as const

/** Without names of files, "now" reads better than "this one". */
const nameNow = (names: readonly [string, string]) => (names === defaultNames ? 'now' : names[1])

/** The one list of what keeps the figures of two runs from being compared. */
const differences: readonly Difference[] = [
  {
    name: 'different data',
    forbids: ['speeds', 'recalls'],
    find({ before: { dataset: before }, now: { dataset: now }, names = defaultNames }) {
      if (before.sha256 !== now.sha256) {
        return (
          `${names[0]} searched other data (${describe(before)}; ${nameNow(names)} ${describe(now)}), so neither speeds nor recalls can ` +
          'be compared: run again with the same --dataset, --rows, --queries and --seed.'
        )
      }
      if (before.k === now.k) return undefined
      return `${names[0]} searched for ${before.k} neighbours, ${names[1]} for ${now.k}: run again with --k ${before.k}.`
    },
  },
  {
    name: 'different machine',
    forbids: ['speeds'],
    find({ before, now, names = defaultNames }) {
      if (before.machine.fingerprint === now.machine.fingerprint) return undefined
      const [first, second] = [before, now].map(({ environment: { cpu, cores } }) => `${cpu}, ${cores} cores`)
      return (
        `${names[0]} was on another machine (${first}; ${nameNow(names)} ${second}), so speeds cannot be compared: ` +
        'measure both versions on one machine. Recalls can.'
      )
    },
  },
]

function describe({ name, rows, dims, metric, queries }: BenchResult['dataset']): string {
  return `${name}, ${rows} x ${dims}, ${metric}, ${queries} queries`
}

/** What a reader who compares the two has to know, each with the next step. */
export function listDifferences(compared: Compared): string[] {
  return differences.flatMap(({ find }) => find(compared) ?? [])
}

/** What may be compared of the two. */
export function findComparable(compared: Compared): { readonly speeds: boolean; readonly recalls: boolean } {
  const found = differences.filter(({ find }) => find(compared) !== undefined)
  const isFree = (what: 'speeds' | 'recalls') => !found.some(({ forbids }) => forbids.includes(what))
  return { speeds: isFree('speeds'), recalls: isFree('recalls') }
}
