import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { dockerFolder } from '../../config/stack.js'
import { SimdgresError } from '../../errors.js'
import type { Move } from '../move/replication.js'
import { SqlSession } from '../server/sql-session.js'
import { type Contents, parseContents } from '../sets/backup-sets.js'
import type { Stack } from '../stack.js'

export interface VerifiedContents {
  readonly tables: number
  readonly rows: number
}

const shownDifferences = 5

/**
 * One database on both servers. Comparing takes as long as reading every row, which clients must not wait for: `freeze`
 * takes a snapshot of both while nothing is written, and `compare` reads them when clients are at work again.
 */
export class DatabasePair {
  readonly database: string
  readonly old: SqlSession
  readonly next: SqlSession

  private constructor(stack: Stack, { from, to }: Move, database: string) {
    this.database = database
    this.old = new SqlSession(stack, from.name, database)
    this.next = new SqlSession(stack, to.name, database)
  }

  static async open(stack: Stack, move: Move, database: string): Promise<DatabasePair> {
    const pair = new DatabasePair(stack, move, database)
    await Promise.all([pair.old.run('SELECT 1'), pair.next.run('SELECT 1')])
    return pair
  }

  async freeze(): Promise<void> {
    const begin = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1'
    await Promise.all([this.old.run(begin), this.next.run(begin)])
  }

  /** @throws ERR_CHECK_FAILED naming tables whose number of rows or hash differs. */
  async compare(): Promise<VerifiedContents> {
    const sql = await readFile(join(dockerFolder, 'backup', 'contents.sql'), 'utf8')
    const read = async (session: SqlSession): Promise<Contents> => {
      const rows = await session.run(sql)
      return parseContents(rows.at(-1)![0]!)
    }
    const { tables: old } = await read(this.old)
    const { tables: next } = await read(this.next)
    const found = new Map(next.map((table) => [table.name, table]))
    const wrong = old.filter(({ name, rows, hash }) => {
      const table = found.get(name)
      return table?.rows !== rows || table.hash !== hash
    })
    if (wrong.length > 0 || next.length !== old.length) throw this.#describe(wrong, found)
    return { tables: old.length, rows: old.reduce((sum, { rows }) => sum + rows, 0) }
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.old.close(), this.next.close()])
  }

  #describe(wrong: Contents['tables'], found: ReadonlyMap<string, { rows: number }>): SimdgresError {
    const list = wrong
      .slice(0, shownDifferences)
      .map(({ name, rows }) => `${name} (${rows} rows, now ${found.get(name)?.rows ?? 'none'})`)
    const named = list.length > 0 ? list.join(', ') : 'tables that were not there'
    return new SimdgresError(
      'ERR_CHECK_FAILED',
      `The contents of ${this.database} are not the same on both servers: ${named}`,
      'The new server is in use, the old one is complete and follows: simdgres upgrade --rollback',
    )
  }
}
