import { SimdgresError, throwIfAborted } from '../errors.js'
import type { Session } from '../paths/server/session.js'
import type { Progress } from '../progress.js'
import type { Load } from './plan.js'

export interface Control {
  readonly progress: Progress
  readonly signal: AbortSignal
}

interface SourceRow {
  readonly row: readonly (string | null)[]
  readonly hash: string
  readonly id: string
}

interface Sum {
  readonly rows: string
  readonly hash: string
}

/** @returns how many rows were new on the shard. */
export async function moveRows(
  source: Session,
  shard: Session,
  load: Load,
  batch: number,
  control: Control,
): Promise<number> {
  const [progress] = await shard.query<{ id: string | null }>(load.recall)
  const from = progress?.id ?? null
  let moved = await walk(source, shard, load, { from, batch }, control)
  if (await isWhole(source, shard, load)) return moved
  // Ids below the last one may be new at the source.
  if (from !== null) moved += await walk(source, shard, load, { from: null, batch }, control)
  if (await isWhole(source, shard, load)) return moved
  throw differs(load.on, 'all its rows')
}

async function walk(
  source: Session,
  shard: Session,
  load: Load,
  { from, batch }: { from: string | null; batch: number },
  { signal, progress }: Control,
): Promise<number> {
  let moved = 0
  for (let after = from, done = 0; ; ) {
    throwIfAborted(signal)
    const rows = await source.query<SourceRow & Record<string, unknown>>(
      load.read,
      [after, batch],
      'reading the table',
    )
    const last = rows.at(-1)?.id
    if (last === undefined) return moved
    moved += await moveBatch(shard, load, rows, { after, last })
    done += rows.length
    progress.step(`Rows of shard ${load.on}`, done, done)
    after = last
  }
}

async function moveBatch(
  shard: Session,
  load: Load,
  rows: readonly SourceRow[],
  { after, last }: { after: string | null; last: string },
): Promise<number> {
  await shard.query('BEGIN')
  try {
    const texts = JSON.stringify(rows.map(({ row }) => row))
    const { rowCount } = await shard.run('moving rows to it', (client) => client.query(load.insert, [texts]))
    const [sum] = await shard.query<Sum & Record<string, unknown>>(load.verify, [after, last])
    const hash = rows.reduce((total, row) => total + BigInt(row.hash), 0n)
    if (sum?.rows !== String(rows.length) || sum.hash !== String(hash))
      throw differs(load.on, `rows with ids above ${after ?? 'none'} and up to ${last}`)
    await shard.query(load.record, [last])
    await shard.query('COMMIT')
    return rowCount ?? 0
  } catch (error) {
    // A connection that is lost has rolled back already.
    await shard.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

async function isWhole(source: Session, shard: Session, load: Load): Promise<boolean> {
  const [there] = await source.query<Sum & Record<string, unknown>>(load.sumSource)
  const [here] = await shard.query<Sum & Record<string, unknown>>(load.sumShard)
  return there?.rows === here?.rows && there?.hash === here?.hash
}

function differs(shard: number, what: string): SimdgresError {
  return new SimdgresError(
    'ERR_CHECK_FAILED',
    `Shard ${shard} differs from the source by count or hash in ${what}: rows were changed or deleted since they were moved`,
    'Apply only adds rows. Make the same changes on the shard, or stop writes and delete the rows that differ; then apply again.',
  )
}
