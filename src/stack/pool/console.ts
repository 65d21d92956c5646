import { SimdgresError } from '../../errors.js'
import { parseTable, psqlOptions, requireSuccess } from '../server/sql.js'
import { type Containers, PsqlSession } from '../server/sql-session.js'
import { poolerService } from '../services/service-names.js'

/** psql on PgBouncer's socket, where its own user is the administrator. */
export const poolerConsoleCommand: readonly string[] = [
  'psql',
  ...psqlOptions,
  '--host=/var/run/pgbouncer',
  '--port=6432',
  '--username=pgbouncer',
  '--dbname=pgbouncer',
]

/** PgBouncer's admin console: a session for each command, or one that is held for many. */
export class PoolerConsole {
  #held: PsqlSession | undefined

  /** Resolves to one object for each row, keyed by column. */
  async ask(containers: Containers, command: string): Promise<readonly Readonly<Record<string, string>>[]> {
    if (this.#held) {
      try {
        return parseTable(await this.#held.ask(command))
      } catch (error) {
        this.#held = undefined
        // PgBouncer may have been restarted meanwhile: a new session still reaches it.
        if (!(error instanceof SimdgresError) || error.code !== 'ERR_UNAVAILABLE') throw error
      }
    }
    const result = await containers.exec(poolerService, poolerConsoleCommand, { stdin: `${command};\n` })
    requireSuccess(result, `PgBouncer's command ${command}`)
    return parseTable(result.stdout)
  }

  /** Uses one session for every command until the returned function is called. */
  async hold(containers: Containers): Promise<() => Promise<void>> {
    const session = new PsqlSession(containers, poolerService, poolerConsoleCommand)
    await session.ask('SHOW VERSION')
    this.#held = session
    return async () => {
      this.#held = undefined
      // Nothing is asked any more; how the session ends does not matter.
      await session.close().catch(() => undefined)
    }
  }
}
