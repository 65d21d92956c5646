import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { StackSandbox } from './stack-sandbox.js'
import { until } from './until.js'

/** Over the longest delay of a restart. */
const commitLimitMs = 150_000

/** Hundreds of commits in a second are under way when the server is killed, and the restart gets a processor. */
const restMs = 5

interface Writer {
  readonly number: number
  /** Numbers of rows whose commit was answered. */
  readonly acknowledged: number[]
  failures: number
}

/** Writers that commit rows with growing numbers, keep a list of those that were acknowledged, and outlive crashes. */
export class Recorder {
  #stopping = false
  readonly #sandbox: StackSandbox
  readonly #writers: readonly Writer[]
  #running: Promise<unknown> = Promise.resolve()

  private constructor(sandbox: StackSandbox, writers: number) {
    this.#sandbox = sandbox
    this.#writers = Array.from({ length: writers }, (_, number) => ({
      number,
      acknowledged: [],
      failures: 0,
    }))
  }

  static async start(sandbox: StackSandbox, writers: number): Promise<Recorder> {
    await sandbox.query('DROP TABLE IF EXISTS app.recorded')
    await sandbox.query('CREATE TABLE app.recorded (writer integer, n integer, PRIMARY KEY (writer, n))')
    const recorder = new Recorder(sandbox, writers)
    recorder.#running = Promise.all(recorder.#writers.map((writer) => recorder.#write(writer)))
    return recorder
  }

  get acknowledged(): number {
    return this.#writers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0)
  }

  /** The greatest number that was acknowledged, by writer; -1 for none. */
  get last(): readonly number[] {
    return this.#writers.map(({ acknowledged }) => acknowledged.at(-1) ?? -1)
  }

  /** Commits that were sent and not answered. */
  get failures(): number {
    return this.#writers.reduce((sum, { failures }) => sum + failures, 0)
  }

  /** Resolves when so many commits were acknowledged to all writers together. */
  async reach(commits: number): Promise<void> {
    await until(
      () => this.acknowledged >= commits,
      commitLimitMs,
      `${commits} commits are acknowledged, ${this.acknowledged} were before`,
      10,
    )
  }

  /** Resolves when so many more were acknowledged to each writer. */
  async reachEach(commits: number): Promise<void> {
    const before = this.#writers.map(({ acknowledged }) => acknowledged.length)
    const hasEach = (): boolean =>
      this.#writers.every(({ acknowledged }, at) => acknowledged.length >= before[at]! + commits)
    await until(hasEach, commitLimitMs, `${commits} more commits are acknowledged to each writer`, 10)
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await this.#running
  }

  /** What the database has of it. */
  async compare(sandbox: StackSandbox): Promise<{ missing: string[]; unacknowledged: number }> {
    const rows = await sandbox.query('SELECT writer, n FROM app.recorded')
    const present = new Set(rows.map(({ writer, n }) => `${writer}/${n}`))
    const missing = this.#writers.flatMap(({ number, acknowledged }) => {
      return acknowledged.map((n) => `${number}/${n}`).filter((key) => !present.has(key))
    })
    return { missing, unacknowledged: present.size - (this.acknowledged - missing.length) }
  }

  /** A number is used once: one that was not answered may have been committed. */
  async #write(writer: Writer): Promise<void> {
    let client: pg.Client | undefined
    for (let n = 0; !this.#stopping; n++) {
      client ??= await this.#connect()
      if (!client) return
      try {
        await client.query('INSERT INTO app.recorded VALUES ($1, $2)', [writer.number, n])
        writer.acknowledged.push(n)
        await sleep(restMs)
      } catch {
        writer.failures += 1
        void client.end().catch(() => undefined)
        client = undefined
      }
    }
    await client?.end()
  }

  /** Tries until the stack answers, or it is told to stop. */
  async #connect(): Promise<pg.Client | undefined> {
    while (!this.#stopping) {
      try {
        return await this.#sandbox.connect()
      } catch {
        await sleep(100)
      }
    }
    return undefined
  }
}
