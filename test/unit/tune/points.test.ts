import { describe, expect, test } from 'vitest'
import { SimdgresError } from '#src/errors.js'
import { pathIds } from '#src/paths/registry.js'
import { findKnob, isTunable, knobs, readKnobValue } from '#src/tune/knobs.js'
import { listDesigns, listPoints, listServers, parseGrid } from '#src/tune/points.js'

const gib = 1024 ** 3
const limits = { cpus: 2, memoryBytes: 2 * gib }
const tunable = pathIds.filter(isTunable)

describe('knobs', () => {
  test('are declared once, with a reason and a source', () => {
    expect(new Set(knobs.map(({ name }) => name)).size).toBe(knobs.length)
    for (const { why, source } of knobs) {
      expect(why).toMatch(/^[A-Z].*\.$/)
      expect(source).toMatch(/^[A-Z]|^pgvector/)
    }
  })

  test.each(knobs.map((knob) => [knob.name, knob] as const))(
    '%s has a range of values that it takes',
    (_, knob) => {
      for (const cpus of [0.5, 1, 2, 64]) {
        for (const memoryBytes of [gib / 4, 2 * gib, 512 * gib]) {
          const range = knob.range({ cpus, memoryBytes })
          expect(range.length).toBeGreaterThan(0)
          expect(new Set(range).size).toBe(range.length)
          // What a server of this size reads back is what is asked for.
          for (const value of range)
            expect(readKnobValue(knob, value)).toBe(readKnobValue(knob, readKnobValue(knob, value)))
        }
      }
    },
  )

  test('that need a restart are not tried beyond the memory of the container', () => {
    const inMegabytes = findKnob('shared_buffers')
      .range(limits)
      .map((value) => Number(value.replace('MB', '')))
    expect(inMegabytes).toEqual([64, 256, 512, 1024])
  })

  test('workers go up to one more than help', () => {
    expect(findKnob('max_parallel_workers_per_gather').range(limits)).toEqual(['0', '1', '2'])
    expect(findKnob('max_parallel_workers_per_gather').range({ ...limits, cpus: 8 })).toEqual([
      '0',
      '1',
      '4',
      '7',
      '8',
    ])
    expect(findKnob('max_parallel_workers_per_gather').range({ ...limits, cpus: 0.5 })).toEqual(['0', '1'])
  })

  test.each([
    ['shared_buffers', '16384', 'a whole number with kB, MB or GB'],
    ['shared_buffers', '1.5GB', 'a whole number with kB, MB or GB'],
    ['jit', 'yes', 'one of on, off'],
    ['max_parallel_workers_per_gather', '-1', 'a whole number'],
    ['random_page_cost', 'low', 'a number such as 1.1'],
  ])('%s=%s is refused: it is no value at all', (name, value, expected) => {
    expect(() => readKnobValue(findKnob(name), value)).toThrow(expected)
  })

  test('sizes are named alike however they are written', () => {
    const knob = findKnob('shared_buffers')
    expect(['1024MB', '1gb', '1048576kB'].map((value) => readKnobValue(knob, value))).toEqual([
      '1GB',
      '1GB',
      '1GB',
    ])
  })
})

describe('a grid', () => {
  const parse = (text: string) => parseGrid(text, limits).map(({ knob, values }) => [knob.name, values])

  test('is names and values, of which a part with = begins the next', () => {
    expect(parse('shared_buffers=128MB,1GB,max_parallel_workers_per_gather=0,1,2')).toEqual([
      ['shared_buffers', ['128MB', '1GB']],
      ['max_parallel_workers_per_gather', ['0', '1', '2']],
    ])
  })

  test('takes the whole range of a knob without values', () => {
    expect(parse('storage,shared_buffers=64MB,jit')).toEqual([
      ['storage', ['external', 'plain']],
      ['shared_buffers', ['64MB']],
      ['jit', ['off', 'on']],
    ])
  })

  test('takes a value that the machine cannot have: that it fails is what is measured', () => {
    expect(parse('shared_buffers=1000GB')).toEqual([['shared_buffers', ['1000GB']]])
  })

  test.each(['shared_bufers=1GB', 'jit=off,jit=on', 'jit=maybe', '', '=1'])('%j is refused', (text) => {
    expect(() => parseGrid(text, limits)).toThrow(SimdgresError)
  })

  test('has a point for each combination, and none for a knob that says nothing to the path', () => {
    const grid = parseGrid(
      'storage,m=8,16,shared_buffers=64MB,1GB,max_parallel_workers_per_gather=0,1,hnsw.ef_search=40,80',
      limits,
    )
    expect(listServers(grid)).toEqual([{ shared_buffers: '64MB' }, { shared_buffers: '1GB' }])
    expect(listDesigns(grid, 'pgvector-exact')).toEqual([{ storage: 'external' }, { storage: 'plain' }])
    expect(listDesigns(grid, 'pgvector-hnsw')).toEqual([{ m: 8 }, { m: 16 }])
    expect(listDesigns(grid, 'sql')).toEqual([{}])
    const count = (path: string) => listPoints(grid, [path], [1, 4], { shared_buffers: '1GB' }).length
    expect({ exact: count('pgvector-exact'), hnsw: count('pgvector-hnsw'), sql: count('sql') }).toEqual({
      exact: 2 * 2 * 2,
      hnsw: 2 * 4 * 2,
      sql: 2 * 2,
    })
  })

  test('can be had of every path in a server', () => {
    expect(tunable).toEqual(
      expect.arrayContaining(['sql', 'pgvector-exact', 'pgvector-hnsw', 'extension-exact']),
    )
    expect(tunable).not.toEqual(expect.arrayContaining(['addon-exact']))
    const [jit] = parseGrid('jit', limits)
    for (const path of tunable) expect(listPoints([jit!], [path], [1], {})).toHaveLength(2)
  })
})
