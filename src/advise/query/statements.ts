import { SimdgresError } from '../../errors.js'
import { ownComment } from '../../paths/own-table/table.js'
import type { Session } from '../../paths/server/session.js'
import type { SearchQuery } from './shape.js'

/** Those that took the most time. */
const mostStatements = 50

/** The server keeps the words that a statement was first seen in, which may be those of PREPARE: ours are. */
const preparing = '^\\s*(?:prepare\\s+\\S+\\s*(?:\\([^)]*\\))?\\s+as\\s+)?'

/**
 * Searches of this role that the server has counted. Those of other roles are not planned: planning runs functions that a statement
 * names, and would run them with the rights of whoever asks for advice.
 */
export async function readStatements(
  session: Session,
): Promise<{ queries: SearchQuery[]; unseen: string[] }> {
  const [found] = await session.query<{ relation: string; role: string }>(
    `SELECT format('%I.pg_stat_statements', nspname) AS relation,
            current_user AS role
       FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'pg_stat_statements'`,
  )
  const ask = 'give the queries of your application with --query or --query-file'
  if (found === undefined)
    return {
      queries: [],
      unseen: [`Which queries are sent: the database has no pg_stat_statements; ${ask}.`],
    }
  const others = `Queries of other roles than ${found.role}: planning them would run their functions with its rights. Ask as the role of the application, or ${ask}.`
  try {
    const rows = await session.query<{ query: string; calls: string }>(
      `SELECT regexp_replace(query, $1, '', 'i') AS query, sum(calls)::text AS calls FROM ${found.relation}
        WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND userid = (SELECT oid FROM pg_roles WHERE rolname = current_user)
          AND position($2 IN query) = 0 AND query ~ '<(->|=>|#>|\\+>|~>|%>)' AND query ~* ($1 || '(select|with)\\M') AND query ~* 'order\\s+by'
        GROUP BY 1 ORDER BY sum(total_exec_time) DESC LIMIT ${mostStatements}`,
      [preparing, ownComment],
    )
    return {
      queries: rows.map(({ query, calls }) => ({
        text: query,
        isGiven: false,
        source: `pg_stat_statements (${calls} calls)`,
      })),
      unseen: [others],
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
