import { describe, expect, it } from 'vitest'
import { locate } from '#src/advise/measured/crossover.js'
import { nameQuery } from '#src/advise/measured/measure.js'

describe('the number of rows at which an exact scan is as fast as an index', () => {
  it('lies between the two parts that were measured around it', () => {
    const scans = [
      { rows: 1000, ms: 1 },
      { rows: 4000, ms: 4 },
      { rows: 16_000, ms: 16 },
    ]
    expect(locate(scans, 2)).toEqual({ kind: 'between', rows: 2000 })
    expect(locate(scans, 1)).toEqual({ kind: 'between', rows: 1000 })
  })

  it('is not told beyond what was measured', () => {
    expect(locate([{ rows: 100, ms: 3 }], 2)).toEqual({ kind: 'below', rows: 100 })
    expect(locate([{ rows: 5000, ms: 3 }], 4)).toEqual({ kind: 'above', rows: 5000 })
  })
})

describe('the expression of an index, of the query', () => {
  it.each([
    ['(embedding)::halfvec(64)', 'embedding', '($1::vector)::halfvec(64)'],
    ['(binary_quantize(embedding))::bit(32)', 'embedding', '(binary_quantize($1::vector))::bit(32)'],
    ['("my ""vector""")::halfvec(3)', '"my ""vector"""', '($1::vector)::halfvec(3)'],
    // A function of the same name, and a longer one, are not the column.
    ['(vec(vec))::vec2(3)', 'vec', '(vec($1::vector))::vec2(3)'],
  ])('%s of %s is %s', (expression, column, expected) => {
    expect(nameQuery(expression, column, '$1::vector')).toBe(expected)
  })
})
