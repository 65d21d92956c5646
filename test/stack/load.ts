import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { StackSandbox } from './stack-sandbox.js'
import { until } from './until.js'

/** Twenty thousand commits take a minute on a machine with other work. */
const reachLimitMs = 280_000

/** What the clients saw themselves, not what a server says about it. */
export interface LoadResult {
  readonly commits: number
  readonly failures: readonly string[]
  readonly longestMs: number
}

const schema = `
  DROP TABLE IF EXISTS app.load_rows, app.load_accounts;
  CREATE TABLE app.load_rows (id bigserial PRIMARY KEY, client integer NOT NULL, n integer NOT NULL, UNIQUE (client, n));
  CREATE TABLE app.load_accounts (client integer PRIMARY KEY, balance bigint NOT NULL)`

/** Clients that commit one transaction after the other until they are told to stop; the first failure ends a client. */
export class Load {
  #stopping = false
  #commits = 0
  #longestMs = 0
  readonly #failures: string[] = []
  readonly #clients: Promise<void>[] = []
  readonly #connections: pg.Client[] = []
  readonly #restMs: number

  private constructor(restMs: number) {
    this.#restMs = restMs
  }

  /**
   * Makes its tables anew.
   * @param restMs between two transactions of a client: without it they take all processors, which is a load to measure
   * under, and more than is needed to see whether clients notice something.
   */
  static async start(sandbox: StackSandbox, clients: number, restMs = 0): Promise<Load> {
    const first = await sandbox.connect()
    await first.query(schema)
    await first.query('INSERT INTO app.load_accounts SELECT i, 0 FROM generate_series(0, $1::integer) i', [
      clients,
    ])
    await first.end()
    return Load.continue(sandbox, clients, 0, restMs)
  }

  /** On the tables of an earlier one. @param base above all numbers of transactions that it made. */
  static async continue(sandbox: StackSandbox, clients: number, base: number, restMs = 0): Promise<Load> {
    const load = new Load(restMs)
    for (let client = 0; client < clients; client++) load.#connections.push(await sandbox.connect())
    for (const [client, connection] of load.#connections.entries()) {
      load.#clients.push(load.#run(client, connection, base))
    }
    load.#clients.push(load.#comeAndGo(sandbox, clients, base))
    return load
  }

  get commits(): number {
    return this.#commits
  }

  get failures(): number {
    return this.#failures.length
  }

  /** Resolves when so many are committed, or a client has failed. */
  async reach(commits: number): Promise<void> {
    const isReached = (): boolean => this.#commits >= commits || this.#failures.length > 0
    await until(isReached, reachLimitMs, `${commits} commits, ${this.#commits} were there at first`, 20)
  }

  async stop(): Promise<LoadResult> {
    this.#stopping = true
    await Promise.all(this.#clients)
    await Promise.allSettled(this.#connections.map((connection) => connection.end()))
    return { commits: this.#commits, failures: this.#failures, longestMs: this.#longestMs }
  }

  /** One more that logs in for each transaction: a pause must hold back logins, too. */
  async #comeAndGo(sandbox: StackSandbox, client: number, base: number): Promise<void> {
    try {
      for (let n = base; !this.#stopping; n++) {
        const connection = await sandbox.connect()
        await commitOne(connection, client, n)
        await connection.end()
        this.#commits++
        await this.#rest()
      }
    } catch (error) {
      this.#failures.push(`new connection: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  async #rest(): Promise<void> {
    if (this.#restMs > 0) await sleep(this.#restMs)
  }

  async #run(client: number, connection: pg.Client, base: number): Promise<void> {
    try {
      for (let n = base; !this.#stopping; n++) {
        const startMs = performance.now()
        await commitOne(connection, client, n)
        this.#longestMs = Math.max(this.#longestMs, performance.now() - startMs)
        this.#commits++
        await this.#rest()
      }
    } catch (error) {
      this.#failures.push(error instanceof Error ? error.message : String(error))
    }
  }
}

/** Every fourth holds its server connection over several round trips: a pause must wait for it. */
async function commitOne(connection: pg.Client, client: number, n: number): Promise<void> {
  if (n % 4 > 0) {
    await connection.query({
      name: 'one',
      text: `WITH added AS (INSERT INTO app.load_rows (client, n) VALUES ($1, $2))
             UPDATE app.load_accounts SET balance = balance + 1 WHERE client = $1`,
      values: [client, n],
    })
    return
  }
  await connection.query('BEGIN')
  await connection.query({
    name: 'row',
    text: 'INSERT INTO app.load_rows (client, n) VALUES ($1, $2)',
    values: [client, n],
  })
  await connection.query({
    name: 'balance',
    text: 'UPDATE app.load_accounts SET balance = balance + 1 WHERE client = $1',
    values: [client],
  })
  await connection.query('COMMIT')
}

/** Rows and sums that commits have left, asked through the pool. */
export async function readLoad(sandbox: StackSandbox): Promise<{ rows: number; balance: number }> {
  const [row] = await sandbox.query(
    `SELECT (SELECT count(*)::integer FROM app.load_rows) AS rows,
            (SELECT sum(balance)::integer FROM app.load_accounts) AS balance`,
  )
  return row as { rows: number; balance: number }
}
