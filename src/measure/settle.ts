import type { Dataset } from '../datasets/dataset.js'
import { SimdgresError, throwIfAborted } from '../errors.js'
import type { Corpus } from '../paths/search-path.js'
import type { Workspace } from '../paths/server/workspace.js'
import type { Progress } from '../progress.js'

/** Queries that warm an index: those that follow find most of their pages. */
const warmQueries = 200
/** A slow index is not warmed for minutes; rows have a warm-up of their own. */
const warmLimitMs = 10_000

export interface Loaded {
  readonly workspace: Workspace
  /** Of the server. */
  readonly corpora: readonly Corpus[]
  readonly dataset: Dataset
  readonly progress: Progress
  readonly signal: AbortSignal
}

/**
 * Brings the server to rest between loading and measuring, so that no row pays for what loading left behind: writes out
 * what is dirty, and reads indexes where nothing else has. Resolves to what could not be done, for the report.
 */
export async function settle(loaded: Loaded): Promise<string[]> {
  if (loaded.corpora.every(({ load }) => load === undefined)) return []
  return [...(await checkpoint(loaded)), ...(await warmIndexes(loaded))]
}

/** Without it, a checkpoint of the server's own choice would write during the rounds, for minutes. */
async function checkpoint({ workspace, progress }: Loaded): Promise<string[]> {
  progress.note('writing a checkpoint')
  try {
    await workspace.session.query('CHECKPOINT', [], 'writing a checkpoint')
    return []
  } catch (error) {
    // A role, or a managed server, that does not allow it; servers of ours always do.
    if (!(error instanceof SimdgresError && error.code === 'ERR_UNAVAILABLE')) throw error
    return [
      `The run could not write a CHECKPOINT after loading (${error.message}): the server may write out what was loaded ` +
        'while it is measured. Let its owner GRANT pg_checkpoint TO the role.',
    ]
  }
}

/** pg_prewarm reads an index whole. Searches in its most thorough variant read what searches need. */
async function warmIndexes(loaded: Loaded): Promise<string[]> {
  const { workspace, corpora, progress, signal } = loaded
  if (workspace.extension('pg_prewarm').installed) return []
  for (const corpus of corpora.filter(({ index }) => index !== undefined)) {
    progress.note(`warming the index of ${corpus.path.id} by queries`)
    try {
      await searchIn(corpus, loaded)
    } catch (error) {
      throwIfAborted(signal)
      // Its rows meet the same limit, and say so.
      progress.note(error instanceof Error ? error.message : String(error))
    }
  }
  return [
    'The database has no pg_prewarm: tables were warmed by a scan and indexes by searches, so some of their pages may ' +
      'be read from outside of shared buffers. Run CREATE EXTENSION pg_prewarm in it.',
  ]
}

async function searchIn(corpus: Corpus, { dataset, signal }: Loaded): Promise<void> {
  const { data, dims, rows } = dataset.queries
  const searcher = await corpus.open(corpus.variants().at(-1)!)
  try {
    const deadline = performance.now() + warmLimitMs
    for (let row = 0; row < Math.min(rows, warmQueries) && performance.now() < deadline; row++) {
      throwIfAborted(signal)
      await searcher.search(data.subarray(row * dims, (row + 1) * dims))
    }
  } finally {
    await searcher.close()
  }
}
