import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Duplex, PassThrough } from 'node:stream'
import type Docker from 'dockerode'
import { connectEngine, requireEngine } from '#src/engine/engine.js'
import { ensureServiceImage } from '#src/engine/images/image.js'
import { Collector, separateOutputs } from '#src/engine/output-frames.js'
import { ownerLabels, removeContainer, removeOrphans } from '#src/engine/owner.js'
import { SimdgresError } from '#src/errors.js'
import type { Progress } from '#src/progress.js'
import { packageRoot } from '#src/system/cache-folder.js'
import type { Answer, Peer, PeerData } from './peer.js'

/** Of HNSW: its setting is the least that finds so many of the neighbours. */
export const wantedRecall = 0.95

const image = {
  image: 'simdgres/peer-faiss',
  build: {
    context: join(packageRoot, 'bench', 'peers', 'faiss'),
    dockerfile: 'Dockerfile',
    target: 'faiss',
    args: {},
  },
}

/** One index of the driver, as it says it has built it. */
interface Ready {
  readonly index: string
  readonly setting: string
  readonly buildMs: number
  readonly bytes: number
}

export interface Faiss {
  readonly peers: readonly Peer[]
  /** Version, how it was compiled, and what each index took. */
  readonly facts: { readonly version: string; readonly options: string; readonly ready: readonly Ready[] }
  close(): Promise<void>
}

/**
 * FAISS as Debian ships it, in a container without a network that searches on one thread: Flat, Panorama and HNSW over the same
 * rows. It takes the times itself. Rejects with nothing left behind.
 * @param sample queries, by which the setting of HNSW is chosen.
 */
export async function openFaiss(
  data: PeerData,
  sample: Float32Array,
  progress: Progress,
  signal: AbortSignal,
): Promise<Faiss> {
  await requireEngine()
  const engine = connectEngine()
  await removeOrphans(engine, progress)
  const imageId = await ensureServiceImage(engine, image, progress, signal)
  const folder = await mkdtemp(join(tmpdir(), 'simdgres-faiss-'))
  let id: string | undefined
  const close = async (): Promise<void> => {
    if (id !== undefined) await removeContainer(engine, id)
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await writeFile(join(folder, 'rows.f32'), data.base)
    await writeFile(join(folder, 'sample.f32'), sample)
    const container = await createContainer(engine, imageId, folder, data)
    id = container.id
    progress.note('Building the indexes of FAISS')
    const driver = await Driver.start(container, signal)
    const facts = (await driver.read()) as Faiss['facts']
    return { peers: facts.ready.map((ready) => createPeer(driver, ready)), facts, close }
  } catch (error) {
    await close()
    throw error
  }
}

function createContainer(
  engine: Docker,
  imageId: string,
  folder: string,
  { rows, dims, metric, k }: PeerData,
): Promise<Docker.Container> {
  return engine.createContainer({
    Image: imageId,
    Cmd: ['/data/rows.f32', '/data/sample.f32', rows, dims, metric, k, wantedRecall, cpus().length].map(
      String,
    ),
    Env: ['OPENBLAS_NUM_THREADS=1'],
    Labels: ownerLabels(),
    AttachStdin: true,
    OpenStdin: true,
    HostConfig: { Binds: [`${folder}:/data:ro`], NetworkMode: 'none' },
  })
}

function createPeer(driver: Driver, { index, setting }: Ready): Peer {
  return {
    name: ['FAISS', index, setting].filter((part) => part !== '').join(' '),
    search: async (queries, queryCount) => driver.search(index, queries, queryCount),
  }
}

/** The program in the container, asked line by line. */
class Driver {
  readonly #stream: Duplex
  readonly #lines: AsyncIterator<string>
  readonly #stderr: Collector

  private constructor(stream: Duplex, lines: AsyncIterator<string>, stderr: Collector) {
    this.#stream = stream
    this.#lines = lines
    this.#stderr = stderr
  }

  static async start(container: Docker.Container, signal: AbortSignal): Promise<Driver> {
    const stream = (await container.attach({
      ...{ stream: true, stdin: true, stdout: true, stderr: true, hijack: true },
    })) as unknown as Duplex
    signal.addEventListener('abort', () => stream.destroy(), { once: true })
    await container.start()
    const stdout = new PassThrough()
    const stderr = new Collector()
    separateOutputs(stream, { stdout, stderr }).then(
      () => stdout.end(),
      () => stdout.end(),
    )
    return new Driver(stream, createInterface(stdout)[Symbol.asyncIterator](), stderr)
  }

  /** @throws ERR_UNAVAILABLE with its last words where the driver has ended. */
  async read(): Promise<unknown> {
    const { value, done } = await this.#lines.next()
    if (!done) {
      const said = JSON.parse(value) as { error?: string }
      if (said.error === undefined) return said
      throw new SimdgresError('ERR_UNAVAILABLE', `FAISS says: ${said.error}`, 'See bench/peers/faiss.')
    }
    const lastWords = this.#stderr.text().trim().split('\n').at(-1)
    throw new SimdgresError(
      'ERR_UNAVAILABLE',
      `FAISS ended: ${lastWords}`,
      'See whether it has enough memory.',
    )
  }

  async search(index: string, queries: Float32Array<ArrayBuffer>, queryCount: number): Promise<Answer> {
    this.#stream.write(`${JSON.stringify({ index, queries: queryCount })}\n`)
    this.#stream.write(new Uint8Array(queries.buffer, queries.byteOffset, queries.byteLength))
    const { ms, ids } = (await this.read()) as { ms: number; ids: number[][] }
    return { ms, found: ids }
  }
}
