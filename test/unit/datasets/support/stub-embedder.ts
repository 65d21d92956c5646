import type { Embedder } from '#src/datasets/sources/embedder.js'
import { Random } from '#src/stats/random.js'

/** A vector of length 1 that depends on the text alone. */
export function stubVector(text: string, dims: number): Float32Array {
  let seed = 0
  for (let i = 0; i < text.length; i++) seed = (Math.imul(seed, 31) + text.charCodeAt(i)) >>> 0
  const random = new Random(seed)
  const vector = Float32Array.from({ length: dims }, () => random.bell())
  const length = Math.hypot(...vector)
  return vector.map((value) => value / length)
}

export interface StubLog {
  /** Every text that was embedded, in the order of the calls. */
  readonly texts: string[]
  open: number
}

/** An embedder without a model. `beforeCall` can wait or throw. */
export function startStub(
  dims: number,
  log: StubLog,
  beforeCall: () => Promise<void> | void = () => undefined,
): Embedder {
  log.open++
  return {
    embed: async (texts) => {
      await beforeCall()
      log.texts.push(...texts)
      return Float32Array.from(texts.flatMap((text) => [...stubVector(text, dims)]))
    },
    close: async () => {
      log.open--
    },
  }
}
