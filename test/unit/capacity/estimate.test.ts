import { describe, expect, test } from 'vitest'
import { type CapacityRequest, estimateCapacity } from '#src/capacity/estimate.js'
import { printCapacity } from '#src/capacity/print.js'
import { planCapacity } from '#src/capacity/run.js'
import { chooseSizes } from '#src/capacity/sizes.js'
import { capacitySchema } from '#src/result/capacity-schema.js'
import { growthOf } from './growth.js'

const gib = 1024 ** 3
/** 0.2 ms and 10 ns a row: a million rows take 10 ms. */
const growth = growthOf((rows) => 0.2 + 1e-5 * rows)
const ask = (changes: Partial<CapacityRequest>): CapacityRequest => ({
  ...{ rows: 1e6, memoryBytes: 64 * gib, cpus: 8 },
  ...changes,
})

describe('nodes', () => {
  test('one, where it holds the rows and answers in time', () => {
    const estimate = estimateCapacity(growth, ask({ qps: 10, p95Ms: 100 }))
    expect(estimate).toMatchObject({
      shards: 1,
      copies: 1,
      bound: 'one',
      nodes: { low: 1, middle: 1, high: 1 },
    })
    expect(estimate.p50Ms.middle).toBeGreaterThan(10)
    expect(estimate.p50Ms.middle).toBeLessThan(11)
    expect(estimate.memoryBytes.middle / (960e6 / 0.75)).toBeCloseTo(1, 2)
    expect(estimate.buildMs.middle / 30_050).toBeCloseTo(1, 2)
    expect(estimate.diskBytes).toBeGreaterThan(3 * 4096e5)
  })

  test('as many shards as the memory of one needs', () => {
    const estimate = estimateCapacity(growth, ask({ rows: 1e9 }))
    // 960 GB of index, 48 GiB in each.
    expect(estimate).toMatchObject({ bound: 'memory', copies: 1 })
    expect(estimate.shards).toBe(Math.ceil((960 * 1e9 + 8192) / (48 * gib)))
    expect(estimate.rowsPerNode).toBeCloseTo(1e9 / estimate.shards, 3)
    expect(estimate.beyond).toBeCloseTo(estimate.rowsPerNode / 200_000, 3)
  })

  test('more shards where one would be too slow, each of which waits for the slowest', () => {
    const slow = estimateCapacity(growth, ask({ rows: 2e7 }))
    const fast = estimateCapacity(growth, ask({ rows: 2e7, p95Ms: 50 }))
    expect(slow.bound).toBe('one')
    expect(fast.bound).toBe('latency')
    expect(fast.p95Ms.middle).toBeLessThanOrEqual(50)
    // 20 million rows take 200 ms and at p95 300: in six parts, 50 each, and the slowest of six is slower than one.
    expect(fast.shards).toBeGreaterThan(6)
    expect(fast.shards).toBeLessThan(12)
  })

  test('copies where the processors would be busy, at most for seven tenths', () => {
    const estimate = estimateCapacity(growth, ask({ qps: 2000 }))
    // Eight processors do the work of six: a query takes 11.2 ms, so a node answers 374 at seven tenths.
    expect(estimate).toMatchObject({ bound: 'throughput', shards: 1, copies: 6 })
    expect(estimate.qps.middle).toBeGreaterThanOrEqual(2000)
    const quick = estimateCapacity(growth, ask({ qps: 2000, p95Ms: 18 }))
    expect(quick.copies * quick.shards).toBeGreaterThanOrEqual(6)
    expect(quick.p95Ms.middle).toBeLessThanOrEqual(18)
  })

  test('never fewer for more rows, more queries or less time', () => {
    const count = (changes: Partial<CapacityRequest>) => estimateCapacity(growth, ask(changes)).nodes.middle
    for (const changes of [{ qps: 100 }, { qps: 3000 }, { p95Ms: 30 }, { qps: 500, p95Ms: 40 }]) {
      const counts = [1e6, 1e7, 1e8, 1e9].map((rows) => count({ ...changes, rows }))
      expect(counts, JSON.stringify(changes)).toEqual([...counts].sort((a, b) => a - b))
    }
  })

  test('have an interval with the expected number in it', () => {
    for (const changes of [{ rows: 1e9 }, { rows: 3e8, qps: 500, p95Ms: 50 }, { rows: 1e9, qps: 5000 }]) {
      const { nodes, p50Ms, p95Ms, qps } = estimateCapacity(growth, ask(changes))
      for (const { low, middle, high } of [nodes, p50Ms, p95Ms, qps]) {
        expect(low).toBeLessThanOrEqual(middle)
        expect(middle).toBeLessThanOrEqual(high)
      }
      expect(p50Ms.low).toBeLessThan(p50Ms.high)
      expect(Number.isFinite(p95Ms.high)).toBe(true)
    }
  })

  test('that do not exist: an error with the next step', () => {
    expect(() => estimateCapacity(growth, ask({ p95Ms: 0.1 }))).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', hint: expect.stringContaining('--p95') }),
    )
    expect(() => estimateCapacity(growth, ask({ rows: 1e12, memoryBytes: gib }))).toThrow(/100000 nodes/)
  })
})

test('the table has what was asked, the layout, the measurement and every assumption', () => {
  const result = planCapacity(growth, ask({ rows: 1e9, qps: 500, p95Ms: 50 }))
  capacitySchema.parse(JSON.parse(JSON.stringify(result)))
  const text = printCapacity(result)
  expect(text).toContain(
    '1,000,000,000 rows of 768 dimensions, l2, exact answers, 500 queries/s, p95 within 50.0 ms',
  )
  expect(text).toMatch(/^nodes +[\d,]+ +[\d,]+ +[\d,]+$/m)
  expect(text).toMatch(/^\d+ shards, \d+ nodes? for each: /m)
  expect(text).toMatch(/^12,500 +0\.325 ms/m)
  expect(text).toMatch(/as 0\.200 ms \+ 10\.00? ns · n with n rows, as measured to 200,000/)
  for (const line of text.split('\n')) expect(line).not.toMatch(/\s$/)
  expect(text).not.toContain('times the rows')
  const far = printCapacity(planCapacity(growth, ask({ rows: 1e9 })))
  expect(far).toMatch(/times the rows of the largest measurement/)
})

test('sets that a cache holds are not measured unless asked for, and said to mislead', () => {
  const mib = 1024 ** 2
  for (const dims of [8, 128, 768, 3072]) {
    const chosen = chooseSizes(dims, 32 * mib)
    expect(chosen).toEqual([...new Set(chosen)].sort((a, b) => a - b))
    expect(chosen).toHaveLength(5)
    expect(chosen[4]! / chosen[0]!).toBeGreaterThan(3.8)
    expect(chosen[0]! * (dims + 100)).toBeGreaterThan(1.2 * 32 * mib)
  }
  expect(chooseSizes(768, 0)).toEqual(chooseSizes(768, 32 * mib))
  const inCache = { ...growth, cacheBytes: 32 * mib }
  expect(planCapacity(inCache, ask({})).assumptions.join(' ')).toContain('in the cache of the processor')
  expect(planCapacity(growth, ask({})).assumptions.join(' ')).not.toContain('in the cache of the processor')
})
