import { escapeLiteral as literal, escapeIdentifier as quote } from 'pg'
import { invalidArgument } from '../errors.js'
import { type Shard, serverName } from './address.js'
import { createSearches, type PlanOptions } from './search.js'
import type { Source } from './source.js'

/** One statement, and where it runs: 0 is the coordinator, 1 and up the shards. */
export interface Statement {
  readonly on: number
  /** As it is printed, without a password. */
  readonly text: string
  /** As it runs, where that is not `text`. */
  readonly secret?: string
  /** Its row has to say `ok`; otherwise nothing after it runs. */
  readonly otherwise?: { readonly message: string; readonly hint: string }
}

/** What moves the rows of one shard. Parameters are those that `move.ts` gives. */
export interface Load {
  readonly on: number
  /** On the coordinator: $1 the id after which to read (NULL: all), $2 how many rows. */
  readonly read: string
  /** On the shard: $1 rows as JSON, each an array of texts. */
  readonly insert: string
  /** On the shard: $1 < id <= $2. */
  readonly verify: string
  readonly recall: string
  readonly record: string
  /** Count and hash of all rows of this shard, at the source and on the shard. */
  readonly sumSource: string
  readonly sumShard: string
}

export interface ShardPlan {
  readonly source: Source
  readonly shards: readonly Shard[]
  readonly batch: number
  readonly before: readonly Statement[]
  readonly loads: readonly Load[]
  readonly after: readonly Statement[]
}

const longestName = 63

/** Every statement that `applyPlan` runs, in its order. Pure. @throws ERR_INVALID_ARGUMENT for a name that is too long. */
export function makePlan(source: Source, shards: readonly Shard[], options: PlanOptions): ShardPlan {
  const longest = `${source.table}_shard_${shards.length}_progress`
  if (Buffer.byteLength(longest) > longestName)
    throw invalidArgument('--table', 'a name of at most 40 bytes', source.table)
  const all = [...shards.keys()].map((i) => i + 1)
  const everywhere = (text: string): Statement[] => [0, ...all].map((on) => ({ on, text }))
  return {
    ...{ source, shards, batch: options.batch },
    before: [
      ...sessionSettings.flatMap(everywhere),
      ...[0, ...all].map((on) => lockDatabase(source, on)),
      ...all.flatMap((on) => createShard(source, on, shards.length)),
    ],
    loads: all.map((on) => describeLoad(source, on, shards.length)),
    after: [
      ...all.flatMap((on) => createIndex(source, on)),
      ...createForeign(source, shards),
      ...createSearches(source, shards.length, options).map((text) => ({ on: 0, text })),
    ],
  }
}

/** Rows are compared as text, so both servers have to write it alike. */
const sessionSettings = [
  "SET search_path = pg_catalog; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; SET TimeZone = 'UTC'; " +
    "SET extra_float_digits = 1; SET bytea_output = 'hex'",
]

const tableOf = ({ schema, table }: Source) => `${quote(schema)}.${quote(table)}`
const progressOf = ({ schema, table }: Source) => `${quote(schema)}.${quote(`${table}_shard_progress`)}`

/** As CREATE TABLE has them. */
const listColumns = (columns: Source['columns']): string[] =>
  columns.map(({ name, type, required }) => `${quote(name)} ${type}${required ? ' NOT NULL' : ''}`)

/** 0-based place of a row: anybody can compute it again. */
export function hashOf(id: string, shards: number): string {
  return `((pg_catalog.hashint8extended(${quote(id)}::bigint, 0) % ${shards} + ${shards}) % ${shards})`
}

function lockDatabase(source: Source, on: number): Statement {
  const key = literal(`simdgres shard ${source.schema}.${source.table}`)
  return {
    on,
    text: `SELECT pg_try_advisory_lock(hashtextextended(${key}, 0)) AS ok`,
    otherwise: {
      message: `The database of ${on === 0 ? 'the coordinator' : `shard ${on}`} is in use by another apply, or is named twice`,
      hint: 'Wait for the other apply, and name a database of its own for the coordinator and for each shard.',
    },
  }
}

function createShard(source: Source, on: number, shards: number): Statement[] {
  const { schema, vectorSchema, columns, id, hasExtension } = source
  const [table, progress] = [tableOf(source), progressOf(source)]
  const lines = [
    ...listColumns(columns),
    `PRIMARY KEY (${quote(id)})`,
    `CHECK (${hashOf(id, shards)} = ${on - 1})`,
  ]
  const extensions = ['vector', ...(hasExtension ? ['simdgres'] : [])]
  const statements = [
    ...[...new Set([schema, vectorSchema])]
      .filter((name) => name !== 'public')
      .map((name) => `CREATE SCHEMA IF NOT EXISTS ${quote(name)}`),
    ...extensions.map((name) => `CREATE EXTENSION IF NOT EXISTS ${name} SCHEMA ${quote(vectorSchema)}`),
  ]
  return [
    ...statements.map((text) => ({ on, text })),
    {
      on,
      text: `SELECT to_regclass(${literal(table)}) IS NULL OR to_regclass(${literal(progress)}) IS NOT NULL AS ok`,
      otherwise: {
        message: `Shard ${on} has a table ${table} that is not of simdgres shard`,
        hint: 'Name another database, or rename that table.',
      },
    },
    {
      on,
      text: `BEGIN;
CREATE TABLE IF NOT EXISTS ${progress} (shard int NOT NULL, shards int NOT NULL, last_id bigint, rows bigint NOT NULL);
CREATE TABLE IF NOT EXISTS ${table} (
  ${lines.join(',\n  ')}
);
INSERT INTO ${progress} SELECT ${on}, ${shards}, NULL, 0 WHERE NOT EXISTS (SELECT FROM ${progress});
COMMIT`,
    },
    {
      on,
      text: `SELECT shard = ${on} AND shards = ${shards} AS ok FROM ${progress}`,
      otherwise: {
        message: `The server that is named as shard ${on} of ${shards} was loaded as another one`,
        hint: 'Give --shards in the order of the first apply; another number of shards needs databases of its own.',
      },
    },
  ]
}

function describeLoad(source: Source, on: number, shards: number): Load {
  const { columns, id } = source
  const [table, progress, key] = [tableOf(source), progressOf(source), quote(id)]
  const names = columns.map(({ name }) => quote(name)).join(', ')
  const texts = columns.map(({ name }) => `${quote(name)}::text`).join(', ')
  const hash = `hashtextextended(ROW(${names})::text, 0)`
  const sum = `count(*)::text AS rows, coalesce(sum(${hash}::numeric), 0)::text AS hash`
  const here = `${hashOf(id, shards)} = ${on - 1}`
  const values = columns.map(({ type }, i) => `(r.row->>${i})::${type}`).join(', ')
  const after = `($1::bigint IS NULL OR ${key} > $1::bigint)`
  return {
    on,
    read: `SELECT ARRAY[${texts}] AS row, ${hash}::text AS hash, ${key}::text AS id FROM ${table} AS t WHERE ${after} AND ${here} ORDER BY t.${key} LIMIT $2`,
    insert: `INSERT INTO ${table} (${names}) SELECT ${values} FROM json_array_elements($1::json) AS r (row) ON CONFLICT (${key}) DO NOTHING`,
    verify: `SELECT ${sum} FROM ${table} WHERE ${after} AND ${key} <= $2::bigint`,
    recall: `SELECT last_id::text AS id FROM ${progress}`,
    record: `UPDATE ${progress} SET last_id = greatest(last_id, $1::bigint), rows = (SELECT count(*) FROM ${table})`,
    sumSource: `SELECT ${sum} FROM ${table} WHERE ${here}`,
    sumShard: `SELECT ${sum} FROM ${table}`,
  }
}

function createIndex(source: Source, on: number): Statement[] {
  const { index, vector, table } = source
  const analyse = { on, text: `ANALYZE ${tableOf(source)}` }
  if (index === undefined) return [analyse]
  const options = index.options ? ` WITH (${index.options})` : ''
  return [
    {
      on,
      text: `CREATE INDEX IF NOT EXISTS ${quote(`${table}_shard_vectors`)} ON ${tableOf(source)} USING ${index.method} (${quote(vector)} ${index.opclass})${options}`,
    },
    analyse,
  ]
}

function createForeign(source: Source, shards: readonly Shard[]): Statement[] {
  const { table, schema, columns, hasExtension } = source
  const rooms = quote(`${table}_shards`)
  const extensions = hasExtension ? 'vector, simdgres' : 'vector'
  const lines = listColumns(columns)
  return [
    { on: 0, text: 'CREATE EXTENSION IF NOT EXISTS postgres_fdw' },
    { on: 0, text: `CREATE SCHEMA IF NOT EXISTS ${rooms}` },
    ...shards.flatMap((shard, i): Statement[] => {
      const name = serverName(table, i + 1)
      const options = shard.options.map(([key, value]) => `${key} ${literal(value)}`)
      const wanted = shard.options.map(([key, value]) => literal(`${key}=${value}`)).join(', ')
      const mapping = (password: string) =>
        `CREATE USER MAPPING IF NOT EXISTS FOR CURRENT_USER SERVER ${quote(name)} OPTIONS (user ${literal(shard.user)}, password ${password})`
      return [
        {
          on: 0,
          text: `CREATE SERVER IF NOT EXISTS ${quote(name)} FOREIGN DATA WRAPPER postgres_fdw OPTIONS (${options.join(', ')}, async_capable 'true', extensions ${literal(extensions)}, fetch_size '1000', connect_timeout '5')`,
        },
        {
          on: 0,
          text: `SELECT srvoptions @> ARRAY[${wanted}] AS ok FROM pg_foreign_server WHERE srvname = ${literal(name)}`,
          otherwise: {
            message: `The coordinator has a server ${name} with another address`,
            hint: `Change it with ALTER SERVER ${quote(name)} OPTIONS (SET host ...), or drop it.`,
          },
        },
        ...hideFromLog,
        { on: 0, text: mapping("'********'"), secret: mapping(literal(shard.password)) },
        { on: 0, text: 'COMMIT' },
        {
          on: 0,
          text: `CREATE FOREIGN TABLE IF NOT EXISTS ${rooms}.${quote(`${table}_${i + 1}`)} (${lines.join(', ')}) SERVER ${quote(name)} OPTIONS (schema_name ${literal(schema)}, table_name ${literal(table)})`,
        },
      ]
    }),
  ]
}

/** A superuser turns the log off for the mapping; anybody else may only find that it is off. */
const hideFromLog: readonly Statement[] = [
  { on: 0, text: 'BEGIN' },
  {
    on: 0,
    text: `SELECT count(set_config(name, value, true)) >= 0 AS ok FROM (VALUES ('log_statement', 'none'), ('log_min_duration_statement', '-1'), ('log_min_duration_sample', '-1'), ('log_transaction_sample_rate', '0'), ('log_min_error_statement', 'panic'), ('pg_stat_statements.track_utility', 'off')) AS s (name, value) WHERE (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)`,
  },
  {
    on: 0,
    text: `SELECT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) OR (current_setting('log_statement') = 'none' AND current_setting('log_min_duration_statement') = '-1' AND current_setting('log_min_duration_sample') = '-1' AND current_setting('log_transaction_sample_rate') = '0') AS ok`,
    otherwise: {
      message: "The coordinator's log would get the password of a shard, since it logs statements",
      hint: "Apply as a superuser, or set log_statement = 'none' and log_min_duration_statement = -1 meanwhile.",
    },
  },
]

/** The plan as SQL with a heading for each server. */
export function printPlan({ before, loads, after, shards, batch }: ShardPlan): string {
  const nameOf = (on: number) => (on === 0 ? 'coordinator' : `shard ${on}, ${shards[on - 1]!.address}`)
  const steps = (rows: readonly Statement[]) =>
    rows.map((row) => `-- on ${nameOf(row.on)}${row.otherwise ? ', stops unless ok' : ''}\n${row.text};\n`)
  const moves = loads.map((load) => {
    const on = `-- on ${nameOf(load.on)}`
    const here = '-- on coordinator'
    return `-- Rows of shard ${load.on}: these, ${batch} rows a time, until none is left; from the start again if the last two differ
${on}\n${load.recall};\n${here}, $1 = the last id, $2 = ${batch}\n${load.read};
${on}, as one transaction; ROLLBACK if count or hash differ from what was read\nBEGIN;\n${load.insert};\n${load.verify};\n${load.record};\nCOMMIT;
${here}\n${load.sumSource};\n${on}\n${load.sumShard};\n`
  })
  return [...steps(before), ...moves, ...steps(after)].join('\n')
}
