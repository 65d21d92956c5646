import { SimdgresError } from '../errors.js'
import { createVersionSchema, defaultSchema } from './version-schema.js'

/** A `pg.Pool`, a `pg.Client`, or anything that runs statements the way they do. */
export interface Queryable {
  /** Runs one statement, prepared if it has a `name`, and resolves to its rows. */
  query<Row extends Record<string, unknown>>(statement: {
    readonly name?: string
    readonly text: string
    readonly values?: unknown[]
  }): Promise<{ rows: Row[] }>
}

/** Where the triggers' function and tables are kept. */
export interface TableVersionsOptions {
  /** Schema for the triggers' function and tables. Default: `simdgres_cache`. */
  readonly schema?: string
}

/**
 * Versions of tables, kept by PostgreSQL itself: a statement-level trigger records each change in the same transaction,
 * so the new version becomes visible, or is rolled back, together with the change.
 *
 * Read versions from the server that is searched: the primary's version says nothing about a replica that lags behind.
 */
export class TableVersions {
  readonly #database: Queryable
  readonly #schema: string

  constructor(database: Queryable, { schema = defaultSchema }: TableVersionsOptions = {}) {
    this.#database = database
    this.#schema = schema
  }

  /**
   * Creates the schema and its functions, or brings them up to date. To read versions, other roles need USAGE on the
   * schema and EXECUTE on table_version(regclass).
   */
  async install(): Promise<void> {
    await this.#database.query({ text: createVersionSchema(this.#schema) })
  }

  /**
   * Puts the trigger on a table and its partitions. Call it again after adding partitions. It waits for transactions that
   * are writing to the table. Needs the owner of the table, who also has to be the role that installed, or a superuser.
   * @param table as written in SQL: `items`, `public.items`, `"My items"`.
   */
  async watch(table: string): Promise<void> {
    await this.#call('watch_table', table)
  }

  /** Removes the trigger. A CachedSearch of the table then searches without its cache. */
  async unwatch(table: string): Promise<void> {
    await this.#call('unwatch_table', table)
  }

  /**
   * 32 bytes that stay the same as long as the table's committed contents do. One round trip. Undefined if changes could
   * go unnoticed, as they could before `watch` and in a transaction that has written.
   */
  async read(table: string): Promise<Buffer | undefined> {
    const { rows } = await this.#database.query<{ version: Buffer | null }>({
      name: `${this.#schema} version`,
      text: `SELECT ${this.#schema}.table_version($1::regclass) AS version`,
      values: [table],
    })
    return rows[0]?.version ?? undefined
  }

  async #call(name: string, table: string): Promise<void> {
    try {
      await this.#database.query({
        text: `SELECT ${this.#schema}.${name}($1::regclass)`,
        values: [table],
      })
    } catch (error) {
      const code = (error as { code?: unknown }).code
      if (code !== undefinedFunction && code !== undefinedSchema) throw error
      throw new SimdgresError(
        'ERR_UNAVAILABLE',
        `The database has no versions of tables in the schema ${this.#schema}`,
        'Call install() of TableVersions once, with a role that may create the schema.',
        { cause: error },
      )
    }
  }
}

/** SQLSTATEs. */
const undefinedFunction = '42883'
const undefinedSchema = '3F000'
