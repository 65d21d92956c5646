import type { Dataset } from '../../datasets/dataset.js'
import { invalidArgument } from '../../errors.js'
import type { Design, LoadStats } from '../search-path.js'
import { copyRows, type TableColumn } from './copy.js'
import type { Session } from './session.js'
import { halfvecFormat, realArrayFormat, type VectorFormat, vectorFormat } from './vector-codec.js'
import { schemaName, type Workspace } from './workspace.js'

/** Where PostgreSQL keeps a vector: inside the row, or out of line in the table's TOAST relation. */
export type Storage = 'plain' | 'external'

/**
 * The most dimensions that fit in an 8 KiB page in line (4 bytes each, plus the headers of page, row and value),
 * rounded down to pgvector's own limit for indexes.
 */
export const maxInlineDims = 2000
/** The same of `halfvec`: pgvector indexes twice as many of them. */
export const maxInlineHalfDims = 4000
/** The most that pgvector's `vector` holds (VECTOR_MAX_DIM in its src/vector.h). */
export const maxVectorDims = 16_000
/** A row longer than 2 KB is moved out of line by default: from here on the two storages differ. */
export const minToastedDims = 500

export interface TableSpec {
  /** Name without schema; paths that ask for the same name share the table. */
  readonly name: string
  readonly type: 'vector' | 'halfvec' | 'real[]'
  readonly storage: Storage
  /** After `id` and `embedding`. */
  readonly columns?: readonly TableColumn[]
}

export const formats: Readonly<Record<TableSpec['type'], VectorFormat>> = {
  vector: vectorFormat,
  halfvec: halfvecFormat,
  'real[]': realArrayFormat,
}

/**
 * Creates, loads, vacuums and warms a table, once per run and name. It is unlogged unless the workspace says otherwise, as the
 * note that it was made: after a crash of the server both are empty, and a stranger's archive and standbys get nothing of a run.
 */
export function loadTable(workspace: Workspace, dataset: Dataset, spec: TableSpec): Promise<LoadStats> {
  return workspace.once(
    spec.name,
    () => createTable(workspace, dataset, spec),
    () => warm(workspace, `${schemaName}.${spec.name}`),
  )
}

/** The storages worth showing for vectors of `dims` dimensions; the best one first. */
export function listStorages(dims: number, type: TableSpec['type'] = 'vector'): Storage[] {
  if (dims > (type === 'halfvec' ? maxInlineHalfDims : maxInlineDims)) return ['external']
  return dims >= minToastedDims ? ['plain', 'external'] : ['plain']
}

/** @throws ERR_INVALID_ARGUMENT for a storage that is none. */
export function readStorage({ storage }: Design, dims: number, type?: TableSpec['type']): Storage {
  if (storage === undefined) return listStorages(dims, type)[0]!
  if (storage === 'plain' || storage === 'external') return storage
  throw invalidArgument('the storage of a design', 'plain or external', storage)
}

async function createTable(workspace: Workspace, dataset: Dataset, spec: TableSpec): Promise<LoadStats> {
  const table = `${schemaName}.${spec.name}`
  const { base } = dataset
  const type = spec.type === 'real[]' ? spec.type : `${spec.type}(${base.dims})`
  const { columns = [] } = spec
  const further = columns.map(({ name, type: columnType }) => `, ${name} ${columnType} NOT NULL`).join('')
  // A killed run may have left a part of it.
  await workspace.session.query(`DROP TABLE IF EXISTS ${table}`)
  const session = await workspace.connect()
  try {
    await session.query(
      `CREATE ${workspace.isLogged ? '' : 'UNLOGGED '}TABLE ${table} (id int4 NOT NULL, embedding ${type} NOT NULL${further})`,
    )
    await session.query(`ALTER TABLE ${table} ALTER embedding SET STORAGE ${spec.storage}`)
    const load = await copyRows(session, {
      table,
      rows: base,
      format: formats[spec.type],
      columns,
      progress: workspace.progress,
      signal: workspace.signal,
    })
    await session.query(`VACUUM (ANALYZE) ${table}`, [], `vacuuming ${table}`)
    await warm(workspace, table)
    return { ...load, outOfLineBytes: await readOutOfLineBytes(session, table) }
  } finally {
    await session.close()
  }
}

/** Bytes of vectors that lie in the table's TOAST relation: each of them is fetched by an index of its own. */
async function readOutOfLineBytes(session: Session, table: string): Promise<number> {
  const [row] = await session.query<{ bytes: string }>(
    `SELECT CASE WHEN reltoastrelid = 0 THEN 0 ELSE pg_relation_size(reltoastrelid) END AS bytes
       FROM pg_class WHERE oid = $1::regclass`,
    [table],
  )
  return Number(row!.bytes)
}

/**
 * Reads a relation, and its TOAST relation, into shared buffers. A sequential scan alone would not: for large
 * tables it recycles a small ring of buffers. Without pg_prewarm the scan at least fills the page cache.
 */
export async function warm(workspace: Workspace, relation: string): Promise<void> {
  const session = workspace.session
  if (!workspace.extension('pg_prewarm').installed) {
    const [kind] = await session.query<{ relkind: string }>(
      'SELECT relkind FROM pg_class WHERE oid = $1::regclass',
      [relation],
    )
    if (kind!.relkind === 'r') {
      // The size of a vector out of line is in its row; comparing it fetches it.
      await session.query(`SELECT count(embedding = embedding) FROM ${relation}`)
    }
    return
  }
  await session.query(
    `SELECT pg_prewarm(oid), CASE WHEN reltoastrelid <> 0 THEN pg_prewarm(reltoastrelid) END
       FROM pg_class WHERE oid = $1::regclass`,
    [relation],
    `warming ${relation}`,
  )
}
