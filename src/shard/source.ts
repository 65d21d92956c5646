import { escapeIdentifier as quote } from 'pg'
import { invalidArgument } from '../errors.js'
import type { Session } from '../paths/server/session.js'

/** A table whose rows go to shards. Names are as the catalogue has them, types as `format_type` writes them. */
export interface Source {
  readonly schema: string
  readonly table: string
  readonly columns: readonly { readonly name: string; readonly type: string; readonly required: boolean }[]
  readonly id: string
  readonly vector: string
  readonly idType: string
  /** Schema of the extension `vector` on the coordinator. */
  readonly vectorSchema: string
  readonly hasExtension: boolean
  /** The index on the column of vectors, if a shard gets one. */
  readonly index?: VectorIndex
}

interface VectorIndex {
  readonly method: 'simdgres' | 'hnsw'
  readonly opclass: string
  readonly options: string | null
}

const idTypes = ['smallint', 'integer', 'bigint']
const vectorTypes = /^(?:\S+\.)?(?:vector|halfvec)\b/

const tableQuestion = `SELECT n.nspname AS schema, c.relname AS table, c.oid,
  (SELECT en.nspname FROM pg_extension e JOIN pg_namespace en ON en.oid = e.extnamespace WHERE extname = 'vector') AS vectors,
  EXISTS (SELECT FROM pg_extension WHERE extname = 'simdgres') AS extended
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.oid = to_regclass($1) AND c.relkind IN ('r', 'p')`
const columnQuestion = `SELECT attname AS name, format_type(atttypid, atttypmod) AS type, attnotnull AS required
  FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum`
const indexQuestion = `SELECT am.amname AS method, quote_ident(on_.nspname) || '.' || quote_ident(o.opcname) AS opclass,
  array_to_string(ic.reloptions, ', ') AS options
  FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid JOIN pg_am am ON am.oid = ic.relam
  JOIN pg_opclass o ON o.oid = i.indclass[0] JOIN pg_namespace on_ ON on_.oid = o.opcnamespace
  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
  WHERE i.indrelid = $1 AND a.attname = $2 AND i.indisvalid AND i.indpred IS NULL AND am.amname IN ('simdgres', 'hnsw')
  ORDER BY am.amname DESC LIMIT 1`
const uniqueQuestion = `SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
  WHERE i.indrelid = $1 AND a.attname = $2 AND i.indnkeyatts = 1 AND i.indisunique AND i.indpred IS NULL AND a.attnotnull`

/** Reads what a plan is made from; changes nothing. @throws ERR_INVALID_ARGUMENT that names the option. */
export async function readSource(
  session: Session,
  { table, id, vector, where }: { table: string; id: string; vector: string; where?: string },
): Promise<Source> {
  // Types are written with their schema where it is not pg_catalog: another server has another search_path.
  const [found] = await session.query<{
    schema: string
    table: string
    oid: number
    vectors: string | null
    extended: boolean
  }>(tableQuestion, [table])
  if (found === undefined)
    throw invalidArgument(
      '--table',
      'a table of the coordinator',
      table,
      'Name it with its schema: app.items.',
    )
  if (where !== undefined) await checkFilter(session, found, where)
  await session.set('search_path', 'pg_catalog')
  const columns = await session.query<Source['columns'][number]>(columnQuestion, [found.oid])
  const typeOf = (name: string) => columns.find((column) => column.name === name)?.type ?? 'no column'
  const isUnique = (await session.query(uniqueQuestion, [found.oid, id])).length > 0
  if (!idTypes.includes(typeOf(id)) || !isUnique)
    throw invalidArgument('--id', `a unique NOT NULL column of type ${idTypes.join(', ')}`, id)
  if (found.vectors === null || !vectorTypes.test(typeOf(vector)))
    throw invalidArgument('--vector', 'a column of type vector or halfvec', vector)
  const [index] = await session.query<VectorIndex & Record<string, unknown>>(indexQuestion, [
    found.oid,
    vector,
  ])
  return {
    ...{ schema: found.schema, table: found.table, columns, id, vector, idType: typeOf(id) },
    ...{ vectorSchema: found.vectors, hasExtension: found.extended },
    ...(index !== undefined && { index }),
  }
}

async function checkFilter(
  session: Session,
  { schema, table }: { schema: string; table: string },
  where: string,
) {
  const text = `EXPLAIN SELECT FROM ${quote(schema)}.${quote(table)} WHERE (${where}\n)`
  // As a prepared statement, which holds one command alone.
  await session.query(text, []).catch((error: Error) => {
    throw invalidArgument('--where', `a condition on the rows (${error.message})`, where)
  })
  if (/;|\$/.test(where)) throw invalidArgument('--where', 'a condition without ; and $', where)
}
