/** How much of everything a run does. Times are per row of the report. */
export interface Profile {
  readonly name: string
  readonly summary: string
  readonly dataset: string
  /** Rows of the data set that are searched; all of them if missing. */
  readonly rows?: number
  readonly queries: number
  readonly k: number
  /** Rounds over all rows, in an order that is shuffled anew for each. */
  readonly rounds: number
  /** Time a row is measured for, all rounds together, at the speed of its warm-up: it decides how many queries a round has. */
  readonly budgetMs: number
  /** Queries that a row asks at most, all rounds together. */
  readonly maxQueries: number
  /** Time after which warming up a row ends, steady or not. */
  readonly warmUpMs: number
}

/** One row per profile; the first is the default. */
export const profiles: readonly Profile[] = [
  {
    name: 'default',
    summary: 'all 341,000 GloVe vectors, at most 20 minutes on 2 cores',
    dataset: 'glove-100',
    queries: 1000,
    k: 10,
    rounds: 12,
    budgetMs: 18_000,
    maxQueries: 10_000,
    warmUpMs: 6_000,
  },
  {
    name: 'quick',
    summary: '50,000 GloVe vectors, at most 3 minutes once everything is set up',
    dataset: 'glove-100',
    rows: 50_000,
    queries: 1000,
    k: 10,
    rounds: 10,
    budgetMs: 2_500,
    maxQueries: 5_000,
    warmUpMs: 1_000,
  },
  {
    name: 'full',
    summary: 'all GloVe vectors with long measurements, about an hour',
    dataset: 'glove-100',
    queries: 5000,
    k: 10,
    rounds: 30,
    budgetMs: 90_000,
    maxQueries: 50_000,
    warmUpMs: 15_000,
  },
]
