import { SimdgresError } from '../errors.js'
import { createVersionSchema, defaultSchema } from './version-schema.js'

/** A `pg.Pool` or `pg.Client`, or what runs statements as they do. */
export interface Queryable {
  /** Runs one statement, prepared under `name` if there is one, and resolves to its rows. */
  query<Row extends Record<string, unknown>>(statement: {
    readonly name?: string
    readonly text: string
    readonly values?: unknown[]
  }): Promise<{ rows: Row[] }>
}

/** Where the triggers and their tables are kept. */
export interface TableVersionsOptions {
  /** Schema of the triggers' function and its tables; `simdgres_cache` if left out. */
  readonly schema?: string
}

/**
 * Versions of tables, kept by PostgreSQL itself: a trigger for each statement notes the change in the same
 * transaction, so a version is visible exactly when the change is, and is rolled back with it.
 *
 * Use the same server for versions and for the search: a version of the primary says nothing of a replica that lags.
 */
export class TableVersions {
  readonly #database: Queryable
  readonly #schema: string

  constructor(database: Queryable, { schema = defaultSchema }: TableVersionsOptions = {}) {
    this.#database = database
    this.#schema = schema
  }

  /**
   * Creates the schema and its functions, or brings them up to date. Other roles than the one that did it need
   * USAGE on the schema and EXECUTE on table_version(regclass) to read versions.
   */
  async install(): Promise<void> {
    await this.#database.query({ text: createVersionSchema(this.#schema) })
  }

  /**
   * Puts the trigger on a table, and on its partitions; again after partitions were added. Waits for running writers
   * of the table. For its owner, who has to be the one who installed, or a superuser.
   * @param table as in SQL: `items`, `public.items`, `"My items"`.
   */
  async watch(table: string): Promise<void> {
    await this.#call('watch_table', table)
  }

  /** Takes the trigger off; a CachedSearch of the table then searches without its cache. */
  async unwatch(table: string): Promise<void> {
    await this.#call('unwatch_table', table)
  }

  /**
   * 32 bytes that are the same as long as the table's committed contents are, one round trip. Undefined where changes
   * may pass unseen, which is the case before `watch` and in a transaction that has written.
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
