import { describe, expect, test } from 'vitest'
import { compareRecords, pairLanes } from '#src/gate/observe.js'
import type { Lane } from '#src/measure/lane/lane.js'
import type { LaneRecord, TurnRecord } from '#src/measure/lane/lane-run.js'
import { closed } from '#src/measure/load/closed.js'
import type { Corpus, Plan } from '#src/paths/search-path.js'

const path = {
  id: 'pgvector-exact',
  exact: true,
  needsServer: true,
  batchSize: 1,
  searches: true,
  scans: true,
}

function lane(arm: 'base' | 'head', variant = {}, index?: { ms: number; bytes: number }): Lane {
  const corpus = { path, design: {}, ...(index && { index }) } as unknown as Corpus
  return { arm, corpus, variant, load: closed(1) }
}

const turn = (round: number, times: readonly number[]) =>
  ({ round, times: Float64Array.from(times), count: times.length, wallMs: 1 }) as unknown as TurnRecord

const plan = (workersLaunched: number, ...nodes: string[]): Plan =>
  ({
    nodes,
    workersLaunched,
    buffers: { hit: 1, read: 0 },
    text: '',
  }) as unknown as Plan

function record(
  of: Lane,
  turns: readonly TurnRecord[],
  facts?: Plan,
  hits = new Map<number, Uint32Array>(),
): LaneRecord {
  return {
    lane: of,
    turns,
    hits,
    ...(facts && { facts: { settings: {}, plan: facts, isUnsteady: false, msPerQuery: 1 } }),
  }
}

/** Rows 0 to 3 on a line; the neighbours of query 0, at 0, are 0 and 1. */
const truth = {
  dataset: {
    name: 'line',
    synthetic: true,
    metric: 'l2' as const,
    sha256: '',
    base: { data: Float32Array.of(0, 1, 2, 3), rows: 4, dims: 1 },
    queries: { data: Float32Array.of(0), rows: 1, dims: 1 },
  },
  truth: { k: 2, ids: Uint32Array.of(0, 1), distances: Float64Array.of(0, 1) },
}

describe('rows of two arms', () => {
  test('are paired by path and settings; others are named', () => {
    const { paired, unpaired } = pairLanes(
      [lane('base', { workers: 0 }), lane('base', { workers: 1 })],
      [lane('head', { workers: 0 }), lane('head', { workers: 2 })],
    )
    expect(paired.map(({ arm, variant }) => [arm, variant])).toEqual([
      ['base', { workers: 0 }],
      ['head', { workers: 0 }],
    ])
    expect(unpaired).toEqual([
      { subject: 'pgvector-exact workers=1', arm: 'base' },
      { subject: 'pgvector-exact workers=2', arm: 'head' },
    ])
  })

  test('give one effect a block: the median over queries, each of which is compared with itself', () => {
    const base = record(lane('base'), [
      turn(0, [1, 10, 100]),
      turn(0, [9, 10, 101]),
      turn(1, [2]),
      turn(1, [2]),
    ])
    // The second query met something else on the machine, in both turns.
    const head = record(lane('head'), [
      turn(0, [2, 900, 210]),
      turn(0, [4, 990, 200]),
      turn(1, [2]),
      turn(1, [3]),
    ])
    const { rows, failed } = compareRecords([base, head], truth)
    expect(failed).toEqual([])
    expect(rows[0]!.effects.map((effect) => Math.exp(effect))).toEqual([expect.closeTo(2, 12), 1])
  })

  test('name what is another plan, fewer workers, a larger index, or a lost neighbour of an exact path', () => {
    const turns = [turn(0, [1]), turn(0, [1])]
    const [found, lost] = [Uint32Array.of(0, 1), Uint32Array.of(0, 3)]
    const base = record(
      lane('base', {}, { ms: 1, bytes: 1000 }),
      turns,
      plan(2, 'Limit', 'Gather'),
      new Map([[0, found]]),
    )
    const head = record(
      lane('head', {}, { ms: 1, bytes: 2000 }),
      turns,
      plan(1, 'Limit', 'Sort'),
      new Map([[0, lost]]),
    )
    const { rows } = compareRecords([base, head], truth)
    expect(rows[0]!.checks.map(({ check, base, head, outcome }) => [check, base, head, outcome])).toEqual([
      ['plan', 'Limit > Gather', 'Limit > Sort', 'changed'],
      ['workers launched', '2', '1', 'regressed'],
      ['index bytes', '1000', '2000', 'regressed'],
      ['recall of an exact path', '1.0000', '0.5000', 'regressed'],
    ])
  })

  test('that failed in one arm are named with its reason', () => {
    const base = record(lane('base'), [turn(0, [1]), turn(0, [1])])
    const head = { ...record(lane('head'), []), failure: 'out of memory' }
    expect(compareRecords([base, head], truth)).toEqual({
      rows: [],
      failed: [{ subject: 'pgvector-exact', arm: 'base', reason: 'out of memory' }],
    })
  })
})
