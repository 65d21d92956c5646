import { setTimeout as sleep } from 'node:timers/promises'
import type { IndexStats } from '../search-path.js'
import type { Session } from './session.js'
import { warm } from './vector-table.js'
import { schemaName, type Workspace } from './workspace.js'

/** How often the progress of a build is asked for. */
const progressIntervalMs = 500

export interface IndexBuild {
  readonly name: string
  readonly rows: number
  readonly statement: string
}

/** Builds an index, shows how far it has come, and reads it into shared buffers. */
export async function buildIndex(workspace: Workspace, build: IndexBuild): Promise<IndexStats> {
  // A killed run may have ended before it was noted.
  await workspace.session.query(`DROP INDEX IF EXISTS ${schemaName}.${build.name}`)
  const session = await workspace.connect()
  try {
    const ms = await timeBuild(workspace, session, build)
    const size = 'SELECT pg_relation_size($1::regclass) AS bytes'
    const [row] = await session.query<{ bytes: string }>(size, [build.name])
    await warm(workspace, `${schemaName}.${build.name}`)
    return { ms, bytes: Number(row!.bytes) }
  } finally {
    await session.close()
  }
}

async function timeBuild(workspace: Workspace, session: Session, build: IndexBuild): Promise<number> {
  const done = new AbortController()
  // A server that goes away is reported by the build itself.
  const watching = watchBuild(workspace, build, done.signal).catch(() => undefined)
  const start = performance.now()
  try {
    await session.query(build.statement, [], `building ${build.name}`)
    return performance.now() - start
  } finally {
    done.abort()
    await watching
  }
}

/**
 * Shows how many rows are in the index. The count of blocks would reach its end at once: parallel workers claim all
 * of them long before they are done.
 */
async function watchBuild(
  workspace: Workspace,
  { name, rows }: IndexBuild,
  done: AbortSignal,
): Promise<void> {
  while (!done.aborted) {
    const [progress] = await workspace.session.query<{ tuples: string }>(
      `SELECT tuples_done AS tuples FROM pg_stat_progress_create_index WHERE datname = current_database()`,
    )
    if (progress !== undefined) workspace.progress.step(`Building ${name}`, Number(progress.tuples), rows)
    await sleep(progressIntervalMs, undefined, { signal: done }).catch(() => undefined)
  }
}
