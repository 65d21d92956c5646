import { join } from 'node:path'
import { SimdgresError, throwIfAborted } from '../../errors.js'
import type { Progress } from '../../progress.js'
import type { Matrix } from '../dataset.js'
import { roundToHalves } from '../readers/half-precision.js'
import { type CacheFile, readCacheFile } from '../store/cache-file.js'
import { type SealedKind, writeSealedFile } from '../store/sealed-file.js'
import type { Embedder } from './embedder.js'

/** Rows × dims f32 values, rounded to half precision. */
const partFile: SealedKind = {
  magic: 'SGEMBEDS',
  version: 1,
  payloadBytes: (rows, dims) => rows * dims * Float32Array.BYTES_PER_ELEMENT,
}
/** Rows per part. A killed run loses at most this much work per thread, about 5 s. */
const partRows = 256
/** Rows per call. The model gains nothing from more, and an abort takes effect after a call. */
const callRows = 8
/** Calls per thread before the remaining time is estimated, so that the threads are warm. */
const callsBeforeEstimate = 4

export interface EmbeddingRun {
  readonly name: string
  readonly texts: readonly string[]
  readonly dims: number
  /** Holds the finished parts. A later run with the same texts and model continues from them. */
  readonly folder: string
  readonly threads: number
  readonly startEmbedder: () => Promise<Embedder>
  readonly progress: Progress
  readonly signal: AbortSignal | undefined
}

interface Part {
  readonly file: CacheFile
  readonly firstRow: number
}

/**
 * Embeds all texts, in their order, and rounds the vectors to half precision. Each part is sealed in the folder as soon
 * as it is finished, so a run that is stopped or killed loses only the parts it was working on.
 * Rejects with whatever an embedder rejects with, ERR_CORRUPT_DATA, ERR_RESOURCE or ERR_ABORTED.
 */
export async function embedAll(run: EmbeddingRun): Promise<Matrix> {
  const { texts, dims, threads } = run
  const data = new Float32Array(texts.length * dims)
  const missing: Part[] = []
  let doneRows = 0
  for (const part of listParts(run)) {
    const payload = await readCacheFile(part.file, run.progress, run.signal)
    if (payload === undefined) missing.push(part)
    else {
      data.set(new Float32Array(payload), part.firstRow * dims)
      doneRows += part.file.rows
    }
  }
  if (missing.length > 0) {
    const counter = new Counter(run, doneRows)
    await workOff(missing, Math.min(threads, missing.length), run, (part, embedder, isStopped) =>
      embedPart(part, embedder, data, { run, counter, isStopped }),
    )
  }
  return { data, rows: texts.length, dims }
}

function listParts({ texts, dims, folder }: EmbeddingRun): Part[] {
  return Array.from({ length: Math.ceil(texts.length / partRows) }, (_, index) => {
    const firstRow = index * partRows
    const path = join(folder, `rows-${String(firstRow).padStart(7, '0')}`)
    const rows = Math.min(partRows, texts.length - firstRow)
    return { firstRow, file: { path, kind: partFile, rows, columns: dims } }
  })
}

/** Lets `threads` embedders work through the parts. The first failure stops them all and is what this rejects with. */
async function workOff(
  parts: readonly Part[],
  threads: number,
  run: EmbeddingRun,
  work: (part: Part, embedder: Embedder, isStopped: () => boolean) => Promise<void>,
): Promise<void> {
  const queue = parts.values()
  const failures: unknown[] = []
  const isStopped = () => failures.length > 0
  const lane = async () => {
    const embedder = await run.startEmbedder()
    try {
      for (const part of queue) {
        if (isStopped()) return
        await work(part, embedder, isStopped)
      }
    } finally {
      await embedder.close()
    }
  }
  const note = (error: unknown) => {
    failures.push(error)
  }
  await Promise.all(Array.from({ length: threads }, () => lane().catch(note)))
  if (isStopped()) throw failures[0]
}

interface PartContext {
  readonly run: EmbeddingRun
  readonly counter: Counter
  readonly isStopped: () => boolean
}

async function embedPart(
  { file, firstRow }: Part,
  embedder: Embedder,
  data: Float32Array,
  { run, counter, isStopped }: PartContext,
): Promise<void> {
  const { texts, dims } = run
  const end = firstRow + file.rows
  for (let row = firstRow; row < end; row += callRows) {
    throwIfAborted(run.signal)
    if (isStopped()) return
    const wanted = texts.slice(row, Math.min(row + callRows, end))
    const vectors = await embedder.embed(wanted)
    checkVectors(vectors, wanted.length * dims, row)
    data.set(vectors, row * dims)
    counter.add(wanted.length)
  }
  const rows = data.subarray(firstRow * dims, end * dims)
  roundToHalves(rows)
  await writeSealedFile(file.path, file.kind, file, [rows], run.signal)
}

function checkVectors(vectors: Float32Array, length: number, row: number): void {
  if (vectors.length === length && vectors.every(Number.isFinite)) return
  throw new SimdgresError(
    'ERR_CORRUPT_DATA',
    `The model gave ${vectors.length} values for the texts from row ${row} on, where ${length} finite ones belong`,
    'Report it, with the output of simdgres doctor: the model is the pinned one.',
  )
}

/** Counts rows for the progress and says once how long the rest will take on this machine. */
class Counter {
  readonly #run: EmbeddingRun
  readonly #rowsBefore: number
  #rows: number
  #startMs = 0
  #startRows = 0
  #told = false

  constructor(run: EmbeddingRun, rowsBefore: number) {
    this.#run = run
    this.#rowsBefore = rowsBefore
    this.#rows = rowsBefore
  }

  add(rows: number): void {
    const { name, texts, threads, progress } = this.#run
    this.#rows += rows
    progress.step(`Embedding ${name}`, this.#rows, texts.length)
    if (this.#startMs === 0) {
      // Loading the model is not part of the estimate.
      this.#startMs = performance.now()
      this.#startRows = this.#rows
    }
    const measured = this.#rows - this.#startRows
    if (this.#told || measured < threads * callRows * callsBeforeEstimate) return
    this.#told = true
    const msPerRow = (performance.now() - this.#startMs) / measured
    const minutes = Math.ceil(((texts.length - this.#rows) * msPerRow) / 60_000)
    const earlier = this.#rowsBefore > 0 ? `, ${this.#rowsBefore} of them done earlier` : ''
    progress.note(
      `Embedding ${texts.length} texts${earlier}: about ${minutes} min left on this machine, on ${threads} threads. ` +
        'If it is stopped, the next run goes on where it stopped.',
    )
  }
}
