import { escapeIdentifier } from 'pg'
import type { Plan } from '../search-path.js'
import type { Session } from './session.js'

/**
 * How the session runs its prepared statement `name`, by running it: the plan is the cached or custom one that its
 * other executions have, under the settings that they have. `literal` is its parameter, which EXPLAIN takes as text only.
 */
export async function explainStatement(session: Session, name: string, literal: string): Promise<Plan> {
  const rows = await session.query<{ 'QUERY PLAN': string }>(
    `EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, SUMMARY OFF) EXECUTE ${escapeIdentifier(name)}('${literal}')`,
    [],
    'asking for a plan',
  )
  return readPlan(rows.map((row) => row['QUERY PLAN']))
}

/** A node of the plan: `  ->  Limit  (cost=`; the lines between nodes are their details. */
const nodeLine = /^ *(?:-> +)?(\S.*?) +\(cost=/
/** A plan spells out the query's every value; what it does is in the first words of each line. */
const columns = 160

export function readPlan(lines: readonly string[]): Plan {
  const text = lines
    .map((line) => (line.length > columns ? `${line.slice(0, columns - 3)}...` : line))
    .join('\n')
  const buffers = lines.find((line) => /^ *Buffers: /.test(line)) ?? ''
  return {
    nodes: lines.flatMap((line) => nodeLine.exec(line)?.[1] ?? []),
    workersLaunched: lines.reduce((sum, line) => sum + readCount(line, /^ *Workers Launched: (\d+)/), 0),
    // The first line that has them is the topmost node's, and counts those below it.
    buffers: { hit: readCount(buffers, /\bhit=(\d+)/), read: readCount(buffers, /\bread=(\d+)/) },
    text,
  }
}

function readCount(line: string, pattern: RegExp): number {
  return Number(pattern.exec(line)?.[1] ?? 0)
}
