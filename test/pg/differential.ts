import type pg from 'pg'

/** 10,000 pairs: every length from one lane to several registers and tails, then the sizes people use. */
const rowsByDims = [
  ...Array.from({ length: 70 }, (_, i) => ({ dims: i + 1, rows: 135 })),
  { dims: 100, rows: 200 },
  { dims: 784, rows: 150 },
  { dims: 1536, rows: 100 },
  { dims: 2000, rows: 60 },
  { dims: 16_000, rows: 40 },
] as const

/** For PostgreSQL's random(): the pairs of a failure can be made again. */
const seed = 0.271828

/**
 * Both sides round each of the at most n + 8 steps of a sum to a float (2^-24 relative) at worst, so they differ by
 * no more than 2 (n + 8) 2^-24 of the sum of the absolute terms.
 */
const roundings = '(2 * (dims + 8) * 2.0::float8 ^ -24)'

interface Comparison {
  readonly ours: string
  readonly pgvector: string
  /** SQL for the greatest difference that rounding explains, over `dims`, `a` and `b`. */
  readonly bound: string
}

const dense = (type: 'vector' | 'halfvec' | 'real[]'): Comparison[] => {
  // pgvector has no functions of arrays: their values go through its `vector`, which holds them unchanged.
  const operands = type === 'real[]' ? 'a::vector, b::vector' : 'a, b'
  const norm = (x: string) => (type === 'halfvec' ? `l2_norm(${x})` : `vector_norm(${x}::vector)`)
  const both = `${norm('a')} * ${norm('b')}`
  return [
    relative('simd_l2_distance(a, b)', `l2_distance(${operands})`),
    relative('simd_l1_distance(a, b)', `l1_distance(${operands})`),
    relative('simd_norm(a)', norm('a')),
    {
      ours: 'simd_inner_product(a, b)',
      pgvector: `inner_product(${operands})`,
      bound: `${roundings} * ${both}`,
    },
    // The product and both norms are sums, the norms under a root: twice the error of one sum, of 1.
    {
      ours: 'simd_cosine_distance(a, b)',
      pgvector: `cosine_distance(${operands})`,
      bound: `2 * ${roundings}`,
    },
  ]
}

function relative(ours: string, pgvector: string): Comparison {
  return { ours, pgvector, bound: `${roundings} * ${pgvector}` }
}

/** Counts of bits are exact, and so is what is divided. */
const bits: Comparison[] = [
  { ours: 'simd_hamming_distance(a, b)', pgvector: 'hamming_distance(a, b)', bound: '0' },
  { ours: 'simd_jaccard_distance(a, b)', pgvector: 'jaccard_distance(a, b)', bound: '0' },
]

export const comparisons = [
  { type: 'vector', a: 'a::vector', b: 'b::vector', compared: dense('vector') },
  { type: 'halfvec', a: 'a::vector::halfvec', b: 'b::vector::halfvec', compared: dense('halfvec') },
  { type: 'real[]', a: 'a', b: 'b', compared: dense('real[]') },
  { type: 'bit', a: 'binary_quantize(a::vector)', b: 'binary_quantize(b::vector)', compared: bits },
] as const

/** Fills the table `pairs` (id, dims, a real[], b real[]): lengths as above, magnitudes from 1e-2 to 1e2. */
export async function createPairs(client: pg.Client): Promise<void> {
  await client.query('CREATE TABLE pairs (id serial, dims int, a real[], b real[])')
  await client.query('SELECT setseed($1)', [seed])
  for (const { dims, rows } of rowsByDims) {
    await client.query(
      `INSERT INTO pairs (dims, a, b)
       SELECT $1, array_agg(((random() * 2 - 1) * scale)::real), array_agg(((random() * 2 - 1) * scale)::real)
         FROM (SELECT i, 10 ^ (i % 5 - 2) AS scale FROM generate_series(1, $2::int) i) r, generate_series(1, $1) j
         GROUP BY i`,
      [dims, rows],
    )
  }
}

export interface Difference {
  readonly ours: string
  readonly pairs: number
  /** Pairs whose difference rounding does not explain, NaN on one side only included. */
  readonly beyondRounding: number
  /** Greatest difference, as a share of the bound (0 where the bound is 0). */
  readonly worst: number
}

/** Compares each operation of one type with pgvector's over all pairs. */
export async function findDifferences(
  client: pg.Client,
  { a, b, compared }: (typeof comparisons)[number],
): Promise<Difference[]> {
  const found: Difference[] = []
  for (const { ours, pgvector, bound } of compared) {
    const { rows } = await client.query(
      `SELECT count(*)::int AS pairs,
              count(*) FILTER (WHERE (difference <= bound) IS NOT TRUE)::int AS "beyondRounding",
              coalesce(max(difference / nullif(bound, 0)), 0) AS worst
         FROM (SELECT abs(${ours} - ${pgvector}) AS difference, ${bound} AS bound
                 FROM (SELECT dims, ${a} AS a, ${b} AS b FROM pairs OFFSET 0) typed) measured`,
    )
    found.push({ ours, ...rows[0] })
  }
  return found
}
