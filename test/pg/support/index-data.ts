import type { Random } from './random.js'

/** How vectors of a table are made: what makes bounds tight, loose or useless. */
export const shapes = {
  /** Variance falls from coordinate to coordinate, as in embeddings. */
  decaying: (random, dims) => fill(dims, (i) => random.normal() * Math.exp((-4 * i) / dims)),
  even: (random, dims) => fill(dims, () => random.normal()),
  /** Many rows at exactly the same place. */
  duplicates: (random, dims) => {
    const place = random.integer(20)
    return fill(dims, (i) => Math.sin(place * 7 + i))
  },
  /** Far from the origin: differences are lost in the roundings. */
  shifted: (random, dims) => fill(dims, () => 1e4 + random.normal()),
  huge: (random, dims) => fill(dims, () => random.normal() * 1e18),
  tiny: (random, dims) => fill(dims, () => random.normal() * 1e-18),
  /** Squares of these are no floats any more, and some of the numbers are hardly. */
  vanishing: (random, dims) => fill(dims, () => random.normal() * 10 ** (-20 - random.integer(25))),
  /** All magnitudes in one table. */
  mixed: (random, dims) => {
    const scale = 10 ** (random.integer(36) - 18)
    return fill(dims, () => random.normal() * scale)
  },
  /** All magnitudes that halves have: multiples of the smallest one, and up to a third of the largest. */
  mixedHalves: (random, dims) => {
    const scale = 10 ** (random.integer(12) - 7)
    return fill(dims, () => random.normal() * scale)
  },
  /** Small integers: many equal distances. */
  grid: (random, dims) => fill(dims, () => random.integer(3)),
} satisfies Record<string, (random: Random, dims: number) => number[]>

export type Shape = keyof typeof shapes

function fill(dims: number, value: (i: number) => number): number[] {
  return Array.from({ length: dims }, (_, i) => Math.fround(value(i)))
}

/** A row's vector as text: one in thirty is NULL, one in thirty zero. */
export function makeRow(random: Random, shape: Shape, dims: number): string | null {
  const kind = random.integer(30)
  if (kind === 0) return null
  return JSON.stringify(kind === 1 ? fill(dims, () => 0) : shapes[shape](random, dims))
}

/** Like a row, or anything else. */
export function makeQuery(
  random: Random,
  shape: Shape,
  dims: number,
  mixed: 'mixed' | 'mixedHalves',
): string | null {
  const kind = random.integer(20)
  if (kind === 0) return null
  if (kind === 1) return JSON.stringify(fill(dims, () => 0))
  if (kind === 2) return JSON.stringify(shapes[mixed](random, dims))
  return JSON.stringify(shapes[shape](random, dims))
}
