import type { BenchResult } from './schema.js'

/** Two results that somebody is about to compare. */
export interface Compared {
  readonly before: BenchResult
  readonly now: BenchResult
}

interface Difference {
  /** What would mislead a reader who is not told. */
  readonly name: string
  /** What is different and the next step. */
  find(compared: Compared): string | undefined
}

/** The one list of what keeps the figures of two runs from being compared. */
const differences: readonly Difference[] = [
  {
    name: 'different data',
    find({ before: { dataset: before }, now: { dataset: now } }) {
      if (before.sha256 !== now.sha256) {
        return (
          `The earlier run searched other data (${describe(before)}; now ${describe(now)}), so neither speeds nor recalls can ` +
          'be compared: run again with the same --dataset, --rows, --queries and --seed.'
        )
      }
      if (before.k === now.k) return undefined
      return `The earlier run searched for ${before.k} neighbours, this one for ${now.k}: run again with --k ${before.k}.`
    },
  },
  {
    name: 'different machine',
    find({ before, now }) {
      if (before.machine.fingerprint === now.machine.fingerprint) return undefined
      const [first, second] = [before, now].map(({ environment: { cpu, cores } }) => `${cpu}, ${cores} cores`)
      return (
        `The earlier run was on another machine (${first}; now ${second}), so speeds cannot be compared: ` +
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
