/**
 * Seeded random numbers: xoshiro128** (Blackman and Vigna, 2018), its state filled by SplitMix64 as its authors
 * advise. Integer arithmetic only, so a seed gives the same numbers on every machine. Not for secrets.
 */
export class Random {
  #a: number
  #b: number
  #c: number
  #d: number

  /** `seed` is a non-negative safe integer; `stream` makes independent sequences of one seed. */
  constructor(seed: number, stream = 0) {
    const next = splitMix64(BigInt(seed) ^ (BigInt(stream) * 0xd1342543de82ef95n))
    const [first, second] = [next(), next()]
    this.#a = Number(first & 0xffffffffn)
    this.#b = Number(first >> 32n)
    this.#c = Number(second & 0xffffffffn)
    this.#d = Number(second >> 32n)
  }

  /** Uniform over 0 .. 2^32 - 1. */
  next(): number {
    const product = Math.imul(this.#b, 5)
    const result = Math.imul((product << 7) | (product >>> 25), 9)
    const shifted = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= shifted
    this.#d = (this.#d << 11) | (this.#d >>> 21)
    return result >>> 0
  }

  /** Uniform over 0 .. limit - 1, for 1 <= limit <= 2^32: values of the last, incomplete round are drawn again. */
  below(limit: number): number {
    const complete = 2 ** 32 - (2 ** 32 % limit)
    for (;;) {
      const value = this.next()
      if (value < complete) return value % limit
    }
  }

  /**
   * Bell-shaped, mean 0, variance 1: the sum of eight 16-bit uniform numbers (Irwin-Hall). Its excess kurtosis is
   * -0.15 and its range is ±4.9, close enough to a Gaussian for test data; unlike Box-Muller it needs no logarithm
   * or cosine, whose last bit differs between maths libraries.
   */
  bell(): number {
    let sum = 0
    for (let word = 0; word < 4; word++) {
      const bits = this.next()
      sum += (bits & 0xffff) + (bits >>> 16)
    }
    return (sum - bellMean) * bellScale
  }
}

const bellMean = (8 * 65535) / 2
/** One over the standard deviation: eight discrete uniform numbers over 2^16 values have variance 8 (2^32 - 1) / 12. */
const bellScale = 1 / Math.sqrt((8 * (2 ** 32 - 1)) / 12)

/** SplitMix64 (Steele, Lea and Flood, 2014). */
export function splitMix64(seed: bigint): () => bigint {
  let state = BigInt.asUintN(64, seed)
  return () => {
    state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n)
    let mixed = state
    mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n)
    mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn)
    return mixed ^ (mixed >> 31n)
  }
}

/** 0 .. count - 1 in a random order (Fisher-Yates). */
export function shuffledIndexes(count: number, random: Random): Uint32Array {
  const order = new Uint32Array(count)
  for (let index = 0; index < count; index++) order[index] = index
  for (let last = count - 1; last > 0; last--) {
    const other = random.below(last + 1)
    const value = order[last]!
    order[last] = order[other]!
    order[other] = value
  }
  return order
}
