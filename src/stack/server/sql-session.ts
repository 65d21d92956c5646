import { PassThrough, Writable } from 'node:stream'
import type { ExecOptions, ExecResult } from '../../engine/exec.js'
import { SimdgresError } from '../../errors.js'
import { parseRows, superuserCommand } from './sql.js'

/** What runs commands in a stack's containers, by their names in the networks. */
export interface Containers {
  exec(name: string, argv: readonly string[], options?: ExecOptions): Promise<ExecResult>
}

/** On a line of its own after the rows of each statement. */
const endMark = '\x1dend of statement\x1d'

/** application_name of all these sessions: a fence leaves them alone. */
export const sessionName = 'simdgres_move'

/**
 * One psql that stays in a container for many statements: starting one through the engine takes longer than most
 * statements, which matters while clients wait. The first statement that fails ends it.
 */
export class PsqlSession {
  readonly #place: string
  readonly #stdin = new PassThrough()
  readonly #ended: Promise<ExecResult>
  #received = ''
  #arrived: () => void = () => undefined

  /** @param place where it runs, for messages. */
  constructor(containers: Containers, place: string, command: readonly string[]) {
    this.#place = place
    const output = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.#received += chunk.toString('utf8')
        if (this.#received.includes(`${endMark}\n`)) this.#arrived()
        done()
      },
    })
    this.#ended = containers.exec(place, command, {
      stdin: this.#stdin,
      output,
      environment: { PGAPPNAME: sessionName },
    })
    // A rejection is reported by the statement that meets it.
    this.#ended.catch(() => undefined)
  }

  /** What psql writes. @throws ERR_CHECK_FAILED with the server's message, ERR_UNAVAILABLE where it is gone. */
  async ask(statement: string): Promise<string> {
    this.#received = ''
    const answer = new Promise<undefined>((resolve) => {
      this.#arrived = () => resolve(undefined)
    })
    this.#stdin.write(`${statement};\n\\echo '${endMark}'\n`)
    const end = await Promise.race([answer, this.#ended])
    if (end !== undefined) throw this.#describeEnd(end, statement)
    return this.#received.slice(0, this.#received.indexOf(endMark))
  }

  async close(): Promise<void> {
    this.#stdin.end()
    await this.#ended
  }

  #describeEnd({ stderr, exitCode }: ExecResult, statement: string): SimdgresError {
    const start = statement.replace(/\s+/g, ' ').trim().slice(0, 80)
    return new SimdgresError(
      exitCode === 2 ? 'ERR_UNAVAILABLE' : 'ERR_CHECK_FAILED',
      `"${start}" failed in ${this.#place}: ${stderr.trim() || `psql ended with exit code ${exitCode}`}`,
      'Correct what the message says; simdgres logs shows more.',
    )
  }
}

/** A session of a server's superuser, in its container; a transaction can be held open in it. */
export class SqlSession {
  readonly #psql: PsqlSession

  constructor(stack: Containers & { readonly superuser: string }, server: string, database: string) {
    this.#psql = new PsqlSession(stack, server, superuserCommand(stack.superuser, database))
  }

  /** Rows of text, null for NULL. @throws ERR_CHECK_FAILED with the server's message. */
  async run(statement: string): Promise<readonly (readonly (string | null)[])[]> {
    return parseRows(await this.#psql.ask(statement))
  }

  async close(): Promise<void> {
    await this.#psql.close()
  }
}
