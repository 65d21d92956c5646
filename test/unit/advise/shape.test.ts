import { describe, expect, test } from 'vitest'
import type { VectorColumn } from '#src/advise/facts.js'
import type { PlacedNode } from '#src/advise/query/explain.js'
import { judgeShape } from '#src/advise/query/shape.js'

const column = {
  ...{ relation: 'app.items', column: 'embedding', type: 'vector', dims: 64, rows: 1e6 },
  indexes: [
    {
      ...{
        name: 'app.items_l2',
        bareName: 'items_l2',
        method: 'hnsw',
        operatorClass: 'vector_l2_ops',
        operator: '<->',
      },
      ...{ expression: null, condition: null, isValid: true },
    },
  ],
} as unknown as VectorColumn
const distance = "((items.embedding <-> '[1,2]'::vector))"

/** A scan below a sort, below a LIMIT if there is one. */
function plan(sortKey: string | undefined, scan: object = {}, isLimited = true): PlacedNode[] {
  const nodes = [
    ...(isLimited ? [{ 'Node Type': 'Limit' }] : []),
    ...(sortKey === undefined ? [] : [{ 'Node Type': 'Sort', 'Sort Key': [sortKey] }]),
    { 'Node Type': 'Seq Scan', Schema: 'app', 'Relation Name': 'items', 'Plan Rows': 1e6, ...scan },
  ]
  return nodes.map((node, i) => ({ node, above: nodes.slice(0, i).reverse() })) as PlacedNode[]
}

/** The same plan with and without what the planner would prefer to an index. */
function judge(free: readonly PlacedNode[], isGiven: boolean) {
  const query = { text: 'SELECT ...', source: 'pg_stat_statements (9 calls)', isGiven }
  return judgeShape(query, { free, forced: free }, [column])
}

describe('a statement that the server has counted', () => {
  test.each([
    ['has a distance in its columns alone', plan('items.id')],
    ['has a distance in its WHERE, and the order of a date', plan('items.created_at')],
    ['is ordered by the operator of another extension', plan("((items.place <-> '(1,2)'::point))")],
    ['has no order', plan(undefined)],
    [
      'reads the few rows of a document by an index of its own',
      plan(distance, { 'Node Type': 'Index Scan', 'Plan Rows': 12 }, false),
    ],
  ])('is healthy where it %s', (_, free) => {
    expect(judge(free, false)).not.toHaveProperty('findings')
  })

  test('is not where it is ordered by another distance than any index', () => {
    expect(judge(plan(distance.replace('<->', '<=>')), false)).toMatchObject({ verdict: 'forbidden' })
  })
})

test('a query that somebody asks about is told that its order is no distance', () => {
  expect(judge(plan('items.id'), true)).toMatchObject({ verdict: 'forbidden' })
})

test('a cast of the column and an operator without an index ask for an index over that cast', () => {
  const key = "(((items.embedding)::halfvec(64) <=> '[1,2]'::halfvec))"
  expect(judge(plan(key), true)).toMatchObject({
    findings: [
      {
        cure: {
          statements: [
            'CREATE INDEX CONCURRENTLY ON app.items USING hnsw (((embedding)::halfvec(64)) halfvec_cosine_ops)',
          ],
        },
      },
    ],
  })
})
