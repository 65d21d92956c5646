import { describe, expect, test } from 'vitest'
import type { Matrix } from '#src/datasets/dataset.js'
import { dropZeroRows, holdOut } from '#src/datasets/hold-out.js'

/** Rows (id, -id): every row says where it comes from. */
function numbered(rows: number): Matrix {
  return {
    data: Float32Array.from({ length: rows * 2 }, (_, i) => (i % 2 ? -1 : 1) * Math.floor(i / 2)),
    rows,
    dims: 2,
  }
}

function ids({ data, rows, dims }: Matrix): number[] {
  expect(data.length).toBe(rows * dims)
  const found = Array.from({ length: rows }, (_, row) => data[row * dims]!)
  for (const [row, id] of found.entries()) expect(data[row * dims + 1]).toBe(id === 0 ? -0 : -id)
  return found
}

describe('holdOut', () => {
  test('every row is a query or in the base set, which keeps its order', () => {
    const { base, queries } = holdOut(numbered(500), { queries: 50, seed: 1 })
    const [baseIds, queryIds] = [ids(base), ids(queries)]
    expect([base.rows, queries.rows]).toEqual([450, 50])
    expect([...baseIds, ...queryIds].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 500 }, (_, id) => id),
    )
    expect(baseIds).toEqual([...baseIds].sort((a, b) => a - b))
  })

  test('a subset of the same seed has the same queries, and rows of the full base set', () => {
    const full = holdOut(numbered(500), { queries: 50, seed: 1 })
    const part = holdOut(numbered(500), { queries: 50, seed: 1, maxRows: 100 })
    expect(ids(part.queries)).toEqual(ids(full.queries))
    expect(part.base.rows).toBe(100)
    const all = new Set(ids(full.base))
    expect(ids(part.base).every((id) => all.has(id))).toBe(true)
    expect(Math.max(...ids(part.base))).toBeGreaterThan(400)
  })

  test('the seed decides, and nothing else', () => {
    const split = (seed: number) => holdOut(numbered(500), { queries: 50, seed })
    expect(split(1)).toEqual(split(1))
    expect(ids(split(1).queries)).not.toEqual(ids(split(2).queries))
  })

  test('a limit above what there is gives what there is; as many queries as rows are refused', () => {
    expect(holdOut(numbered(10), { queries: 3, seed: 1, maxRows: 99 }).base.rows).toBe(7)
    expect(() => holdOut(numbered(10), { queries: 10, seed: 1 })).toThrow(
      /less than the 10 rows of the data set/,
    )
  })
})

test('dropZeroRows leaves out rows without direction, and counts them', () => {
  const data = Float32Array.of(1, 0, 0, -0, 0, 2, 0, 0)
  const { matrix, dropped } = dropZeroRows({ data, rows: 4, dims: 2 })
  expect(dropped).toBe(2)
  expect(matrix).toEqual({ data: Float32Array.of(1, 0, 0, 2), rows: 2, dims: 2 })
  expect(dropZeroRows(matrix).matrix).toBe(matrix)
})
