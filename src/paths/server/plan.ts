import { escapeIdentifier } from 'pg'
import type { Plan } from '../search-path.js'
import type { Session } from './session.js'

/**
 * How the session runs its prepared statement `name`, by running it: the plan is the cached or custom one that its
 * other executions have, under the settings that they have. `literal` is its parameter, which EXPLAIN takes as text only.
 */
export async function explainStatement(session: Session, name: string, literal: string): Promise<Plan> {
  const [parameter] = await session.query<{ type: string | null }>(
    'SELECT parameter_types[1]::text AS type FROM pg_prepared_statements WHERE name = $1',
    [name],
  )
  const [row] = await session.query<{ 'QUERY PLAN': readonly [Explained] }>(
    `EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, SUMMARY OFF, FORMAT JSON) EXECUTE ${escapeIdentifier(name)}('${literal}')`,
    [],
    'asking for a plan',
  )
  const type = parameter?.type
  return {
    ...readPlan(row!['QUERY PLAN'][0]),
    // Sessions of this program send parameters in binary.
    ...(type && { queryVector: { type, encoding: 'binary' as const } }),
  }
}

/** What EXPLAIN (FORMAT JSON) says of one statement. */
export interface Explained {
  readonly Plan: PlanNode
  /** Only where something was compiled. */
  readonly JIT?: { readonly Functions: number }
}

/** One node; of its details, those that are read by name. */
export interface PlanNode {
  readonly 'Node Type': string
  readonly Plans?: readonly PlanNode[]
  readonly [detail: string]: unknown
}

export function readPlan({ Plan: root, JIT: jit }: Explained): Plan {
  const nodes = listNodes(root)
  const sum = (detail: string) => nodes.reduce((total, { node }) => total + readCount(node, detail), 0)
  const lines = nodes.flatMap(({ node, depth }) => describeNode(node, depth))
  return {
    nodes: nodes.map(({ node }) => nameNode(node)),
    workersPlanned: sum('Workers Planned'),
    workersLaunched: sum('Workers Launched'),
    // The topmost node's counts are of all below it as well.
    buffers: { hit: readCount(root, 'Shared Hit Blocks'), read: readCount(root, 'Shared Read Blocks') },
    compilesJit: jit !== undefined,
    hasSubquery: nodes.some(({ node }) => node['Parent Relationship'] === 'InitPlan'),
    text: [...lines, ...(jit === undefined ? [] : [`JIT: ${jit.Functions} functions`])].join('\n'),
  }
}

interface PlacedNode {
  readonly node: PlanNode
  readonly depth: number
}

function listNodes(node: PlanNode, depth = 0): PlacedNode[] {
  return [{ node, depth }, ...(node.Plans ?? []).flatMap((child) => listNodes(child, depth + 1))]
}

/** As EXPLAIN's text names it: `Parallel Seq Scan on vectors_plain`, `Index Scan using i on t`. */
function nameNode(node: PlanNode): string {
  const { 'Parallel Aware': isParallel, 'Index Name': index } = node
  const relation = node['Relation Name'] ?? node['Function Name'] ?? node['CTE Name']
  return [
    isParallel === true ? 'Parallel ' : '',
    node['Node Type'],
    index === undefined ? '' : ` using ${String(index)}`,
    relation === undefined ? '' : ` on ${String(relation)}`,
  ].join('')
}

/** What tells how a node was run; in the order of EXPLAIN's text. */
const details = [
  'Subplan Name',
  'Order By',
  'Filter',
  'Rows Removed by Filter',
  'Sort Key',
  'Sort Method',
  'Workers Planned',
  'Workers Launched',
  'Actual Rows',
  'Actual Loops',
  'Shared Hit Blocks',
  'Shared Read Blocks',
]
/** A detail spells out the query's every value; what it does is in its first words. */
const columns = 160

function describeNode(node: PlanNode, depth: number): string[] {
  const indent = ' '.repeat(6 * depth)
  const shown = details.flatMap((name) => {
    const value = node[name]
    // Of blocks, as EXPLAIN's text has it: only where there are any.
    if (value === undefined || (name.endsWith('Blocks') && value === 0)) return []
    return [`${indent}  ${name}: ${Array.isArray(value) ? value.join(', ') : String(value)}`]
  })
  const name = `${depth === 0 ? '' : `${indent.slice(4)}->  `}${nameNode(node)}`
  return [name, ...shown].map((line) => (line.length > columns ? `${line.slice(0, columns - 3)}...` : line))
}

function readCount(node: PlanNode, detail: string): number {
  return Number(node[detail] ?? 0)
}
