import { SimdgresError } from '../../errors.js'
import type { Session } from '../../paths/server/session.js'
import type { SearchQuery } from './shape.js'

/** Those that took the most time. */
const mostStatements = 50

/** The server keeps the words that a statement was first seen in, which may be those of PREPARE: ours are. */
const preparing = '^\\s*(?:prepare\\s+\\S+\\s*(?:\\([^)]*\\))?\\s+as\\s+)?'

/** Searches that the server has counted, where this role may read them. */
export async function readStatements(
  session: Session,
): Promise<{ queries: SearchQuery[]; unseen: string[] }> {
  const [found] = await session.query<{ relation: string; isAll: boolean }>(
    `SELECT format('%I.pg_stat_statements', nspname) AS relation,
            pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS "isAll"
       FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'pg_stat_statements'`,
  )
  const ask = 'give the queries of your application with --query or --query-file'
  if (found === undefined)
    return {
      queries: [],
      unseen: [`Which queries are sent: the database has no pg_stat_statements; ${ask}.`],
    }
  const others = `Queries of other roles: GRANT pg_read_all_stats to this role, or ${ask}.`
  try {
    const rows = await session.query<{ query: string; calls: string }>(
      `SELECT regexp_replace(query, $1, '', 'i') AS query, sum(calls)::text AS calls FROM ${found.relation}
        WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND query ~ '<(->|=>|#>|\\+>|~>|%>)' AND query ~* ($1 || '(select|with)\\M') AND query ~* 'order\\s+by'
        GROUP BY 1 ORDER BY sum(total_exec_time) DESC LIMIT ${mostStatements}`,
      [preparing],
    )
    return {
      queries: rows.map(({ query, calls }) => ({
        text: query,
        source: `pg_stat_statements (${calls} calls)`,
      })),
      unseen: found.isAll ? [] : [others],
    }
  } catch (error) {
    if (!(error instanceof Error) || (error instanceof SimdgresError && error.code === 'ERR_LOST_CONNECTION'))
      throw error
    return { queries: [], unseen: [`pg_stat_statements: ${error.message}. For its queries, ${ask}.`] }
  }
}

/** Statements of a file, told apart by semicolons at the ends of lines. */
export function splitStatements(text: string): string[] {
  return text
    .split(/;[ \t]*(?:\r?\n|$)/)
    .map((statement) => statement.trim())
    .filter((statement) => statement.replace(/--[^\n]*/g, '').trim() !== '')
}
