import { describe, expect, test } from 'vitest'
import { limitInside, replaceOrder } from '#src/advise/query/order-by.js'
import { isReversed, parseSortKey } from '#src/advise/query/sort-key.js'
import { splitStatements } from '#src/advise/query/statements.js'

/** As PostgreSQL 15 to 18 write them. */
describe('what a plan sorts by', () => {
  test.each([
    ["((items.embedding <=> '[1,2]'::vector))", '<=>', 'items', 'embedding', false, false],
    [
      "(('1'::double precision - (i.embedding <=> '[1,2]'::vector))) DESC",
      '<=>',
      'i',
      'embedding',
      true,
      false,
    ],
    ["(((items.embedding)::halfvec(2) <-> '[1,2]'::halfvec(2)))", '<->', 'items', 'embedding', false, true],
    ['(($2 - ("Items"."My vector" <=> $1))) DESC NULLS LAST', '<=>', '"Items"', '"My vector"', true, false],
    ["(('[1,2]'::vector <#> items.embedding))", '<#>', 'items', 'embedding', false, false],
    ["((items.embedding <-> '[(<=>) DESC]'::vector))", '<->', 'items', 'embedding', false, false],
  ])('%s', (text, operator, alias, column, isDescending, hasCast) => {
    expect(parseSortKey(text)).toMatchObject({ operator, alias, column, isDescending, hasCast })
  })

  test.each(['items.id', 'random()', "(('[1]'::vector <-> '[2]'::vector))"])('%s is no distance', (text) => {
    expect(parseSortKey(text)).toBeUndefined()
  })

  test.each([
    ["((a.e <=> '[1]'::vector))", false],
    ["(('1'::double precision - (a.e <=> '[1]'::vector)))", true],
    ['(($2 - (a.e <=> $1)))', true],
    ["((- (a.e <=> '[1]'::vector)))", true],
    ["(((a.e <#> '[1]'::vector) * '-1'::double precision))", true],
    ["(((a.e <=> '[1]'::vector) * '100'::double precision))", false],
    ["(sqrt((a.e <-> '[1]'::vector)))", undefined],
  ])('whether %s grows with the distance', (text, expected) => {
    expect(isReversed(parseSortKey(text)!)).toBe(expected)
  })
})

describe('a query with another order', () => {
  test.each([
    ['SELECT id FROM t ORDER BY 1 - (e <=> $1) DESC LIMIT 5', 'SELECT id FROM t ORDER BY X LIMIT 5'],
    ['SELECT id FROM t order  by s desc, id offset 3', 'SELECT id FROM t order  by X offset 3'],
    ["SELECT 'ORDER BY a' FROM t ORDER BY s -- LIMIT", "SELECT 'ORDER BY a' FROM t ORDER BY X"],
    [
      'SELECT * FROM (SELECT id FROM t ORDER BY 1 - (e <=> $1) DESC) s ORDER BY id LIMIT 5',
      'SELECT * FROM (SELECT id FROM t ORDER BY X) s ORDER BY id LIMIT 5',
    ],
  ])('%s', (text, expected) => {
    expect(replaceOrder(text, 'X')).toBe(expected)
  })

  test('none where there is no order', () => {
    expect(replaceOrder('SELECT 1', 'X')).toBeUndefined()
  })

  test('and with a LIMIT where the order is', () => {
    expect(limitInside('SELECT * FROM (SELECT id FROM t ORDER BY e <-> $1) s ORDER BY id LIMIT 7')).toBe(
      'SELECT * FROM (SELECT id FROM t ORDER BY e <-> $1 LIMIT 7) s ORDER BY id LIMIT 7',
    )
    expect(limitInside('SELECT id FROM t ORDER BY e <-> $1')).toBe(
      'SELECT id FROM t ORDER BY e <-> $1 LIMIT 10',
    )
  })
})

test('statements of a file', () => {
  expect(splitStatements("SELECT ';';\n-- of the search page\nSELECT 2 ;\r\n\n-- end\n")).toEqual([
    "SELECT ';'",
    '-- of the search page\nSELECT 2',
  ])
})
