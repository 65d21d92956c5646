import { Random } from '../stats/random.js'

/** Streams of random numbers; each row has its own, from `firstRow` on, so no row depends on the ones before it. */
const stream = { order: 8, signs: 9, firstRow: 16 } as const

/**
 * Standard deviation of the i-th principal component is as 1 / (i + 18). Sentence embeddings of 512 numbers have .63, .81, .91
 * and .96 of their variance in the first 32, 64, 128 and 256 components; this has .66, .81, .91 and .97.
 */
const bend = 18
/** Each mixes every number with all others of a block; two, over blocks that overlap, mix all. */
const rounds = 2

/**
 * Writes rows that are as hard to search exactly as text embeddings: bell-shaped, with the spectrum of such, turned so that no
 * number stands for a component. The mean variance of a number is 1. Exactly rounded arithmetic in a fixed order, as in
 * synthetic.ts.
 */
export class TextLikeRows {
  readonly #dims: number
  readonly #seed: number
  readonly #deviations: Float64Array
  readonly #turns: readonly Turn[]
  readonly #values: Float64Array
  readonly #moved: Float64Array

  constructor(dims: number, seed: number) {
    this.#dims = dims
    this.#seed = seed
    const deviations = Float64Array.from({ length: dims }, (_, i) => 1 / (i + bend))
    let variance = 0
    for (const deviation of deviations) variance += deviation * deviation
    const scale = Math.sqrt(dims / variance)
    this.#deviations = deviations.map((deviation) => deviation * scale)
    this.#turns = makeTurns(dims, seed)
    this.#values = new Float64Array(dims)
    this.#moved = new Float64Array(dims)
  }

  /** Row `row` to `data`, from index `start` on. */
  write(row: number, data: Float32Array, start: number): void {
    const random = new Random(this.#seed, stream.firstRow + row)
    const values = this.#values
    for (let i = 0; i < this.#dims; i++) values[i] = this.#deviations[i]! * random.bell()
    for (const turn of this.#turns) this.#turn(turn)
    data.set(values, start)
  }

  #turn({ order, signs }: Turn): void {
    const [values, moved, dims] = [this.#values, this.#moved, this.#dims]
    for (let i = 0; i < dims; i++) moved[i] = signs[i]! * values[order[i]!]!
    values.set(moved)
    const block = 2 ** Math.floor(Math.log2(dims))
    mix(values, 0, block)
    if (block < dims) mix(values, dims - block, block)
  }
}

interface Turn {
  readonly order: Uint32Array
  readonly signs: Float64Array
}

function makeTurns(dims: number, seed: number): Turn[] {
  const [places, coins] = [new Random(seed, stream.order), new Random(seed, stream.signs)]
  return Array.from({ length: rounds }, () => ({
    order: shuffle(dims, places),
    signs: Float64Array.from({ length: dims }, () => (coins.below(2) === 0 ? -1 : 1)),
  }))
}

function shuffle(count: number, random: Random): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i)
  for (let last = count - 1; last > 0; last--) {
    const other = random.below(last + 1)
    const value = order[last]!
    order[last] = order[other]!
    order[other] = value
  }
  return order
}

/** The orthonormal Walsh-Hadamard transform of `size` values, a power of two. */
function mix(values: Float64Array, start: number, size: number): void {
  for (let half = 1; half < size; half *= 2) {
    for (let low = start; low < start + size; low += 2 * half) {
      for (let i = low; i < low + half; i++) {
        const [a, b] = [values[i]!, values[i + half]!]
        values[i] = a + b
        values[i + half] = a - b
      }
    }
  }
  const scale = 1 / Math.sqrt(size)
  for (let i = start; i < start + size; i++) values[i] = values[i]! * scale
}
