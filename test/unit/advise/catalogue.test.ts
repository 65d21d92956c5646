import { expect, test } from 'vitest'
import type { Facts, VectorColumn, VectorIndex } from '#src/advise/facts.js'
import { isBuiltTooEarly } from '#src/advise/measured/lists.js'
import { findSmallest } from '#src/advise/measured/steps.js'
import { checkMaintenanceMemory, checkSharedBuffers } from '#src/advise/memory.js'
import { checkDims, checkStorage } from '#src/advise/storage.js'
import { checkInvalidIndexes, describeBuilds } from '#src/advise/upkeep.js'

const mebi = 2 ** 20
const index: VectorIndex = {
  ...{
    name: 'app.items_hnsw',
    bareName: 'items_hnsw',
    method: 'hnsw',
    operatorClass: 'vector_l2_ops',
    operator: '<->',
  },
  ...{ isExpression: false, expression: null, condition: null, isValid: true, bytes: 10 * mebi, options: {} },
  ...{ rows: 0, type: null, dims: 0 },
  definition: 'CREATE INDEX items_hnsw ON app.items USING hnsw (embedding vector_l2_ops)',
}
const column: VectorColumn = {
  ...{
    oid: 1,
    relation: 'app.items',
    column: 'embedding',
    name: 'embedding',
    type: 'vector',
    dims: 100,
    storage: 'e',
  },
  ...{ rows: 1000, heapBytes: mebi, toastBytes: 0, isReadable: true, key: 'id', indexes: [index] },
  ...{ otherBytes: 40, dependents: [], foreignCode: [], isInherited: false },
}
const parameter = { bytes: 128 * mebi, source: 'configuration file', isPending: false }

function facts(given: Partial<VectorColumn>, more: Partial<Facts> = {}): Facts {
  return {
    ...{ version: 160000, database: 'app', columns: [{ ...column, ...given }], statistics: [], invalid: [] },
    isStandby: false,
    sharedBuffers: { ...parameter, name: 'shared_buffers' },
    maintenanceMemory: { ...parameter, name: 'maintenance_work_mem' },
    ...more,
  }
}

test('a parameter of the command line is not changed by ALTER SYSTEM', () => {
  const small = { ...parameter, name: 'shared_buffers', bytes: mebi }
  const [inFile] = checkSharedBuffers(facts({}, { sharedBuffers: small }))
  expect(inFile!.cure).toMatchObject({
    kind: 'sql',
    statements: ["ALTER SYSTEM SET shared_buffers = '13MB'"],
    restart: true,
  })
  const [onLine] = checkSharedBuffers(facts({}, { sharedBuffers: { ...small, source: 'command line' } }))
  expect(onLine!.cure).toMatchObject({ kind: 'server', statements: ['shared_buffers=13MB'], restart: true })
  expect(checkSharedBuffers(facts({}))).toEqual([])
})

test('the memory of a build is that of the largest index, and of IVFFlat what its sample takes', () => {
  expect(checkMaintenanceMemory(facts({}))).toEqual([])
  const [hnsw] = checkMaintenanceMemory(facts({ rows: 1e6 }))
  expect(hnsw!.what).toMatch(/items_hnsw needs about 1\.\d+ GB/)
  const ivfflat: VectorIndex = {
    ...index,
    method: 'ivfflat',
    name: 'app.items_lists',
    options: { lists: 4000 },
  }
  const [lists] = checkMaintenanceMemory(facts({ indexes: [index, ivfflat] }))
  expect(lists!.what).toContain('items_lists needs about')
})

test('more dimensions than an index takes are halved, and beyond that their signs are indexed', () => {
  const statementOf = (given: Partial<VectorColumn>) =>
    checkDims(facts({ rows: 20_000, indexes: [], ...given })).map(({ cure }) => cure.statements[0])
  expect(statementOf({ dims: 2000 })).toEqual([])
  expect(statementOf({ dims: 3072 })).toEqual([
    'CREATE INDEX CONCURRENTLY ON app.items USING hnsw ((embedding::halfvec(3072)) halfvec_l2_ops)',
  ])
  expect(statementOf({ dims: 5000 })).toEqual([
    expect.stringContaining('binary_quantize(embedding)::bit(5000)'),
  ])
  expect(statementOf({ dims: 3072, rows: 100 })).toEqual([])
  expect(statementOf({ dims: 3072, indexes: [{ ...index, isExpression: true }] })).toEqual([])
})

const outside = { rows: 1000, heapBytes: 60_000, toastBytes: 12e6 }

test('vectors that no page takes become halfvec, with the same indexes, in one transaction', () => {
  const halves = {
    ...index,
    ...{ isExpression: true, expression: '(embedding)::halfvec(3072)', operatorClass: 'halfvec_cosine_ops' },
    definition:
      "CREATE INDEX items_hnsw ON app.items USING hnsw (((embedding)::halfvec(3072)) halfvec_cosine_ops) WITH (m='48')",
  }
  const [finding] = checkStorage(facts({ dims: 3072, ...outside, indexes: [halves] }))
  expect(finding!.cure.statements).toEqual([
    'BEGIN',
    'DROP INDEX app.items_hnsw',
    'ALTER TABLE app.items ALTER COLUMN embedding TYPE halfvec(3072) USING embedding::halfvec(3072), ALTER COLUMN embedding SET STORAGE PLAIN',
    "CREATE INDEX items_hnsw ON app.items USING hnsw (embedding halfvec_cosine_ops) WITH (m='48')",
    'COMMIT',
    'ANALYZE app.items',
  ])
  expect(finding!.cure.caution).toContain('16 bits')
  expect(checkStorage(facts({ dims: 1536, ...outside, heapBytes: 8e6, toastBytes: 1e6 }))).toEqual([])
})

test('a rewrite that would lose an index, or what depends on the column, is not written down', () => {
  const bits = {
    ...index,
    ...{
      isExpression: true,
      expression: '(binary_quantize(embedding))::bit(3072)',
      operatorClass: 'bit_hamming_ops',
    },
  }
  for (const given of [{ indexes: [bits] }, { dependents: ['view app.near'] }]) {
    const [finding] = checkStorage(facts({ dims: 3072, ...outside, ...given }))
    expect(finding!.cure.statements).toEqual([])
    expect(finding!.cure.caution).toMatch(/items_hnsw|view app\.near/)
  }
})

test('vectors stay outside of rows that would become longer than a page', () => {
  const statementsOf = (given: Partial<VectorColumn>, others: readonly Partial<VectorColumn>[] = []) => {
    const all = [given, ...others].map((one) => ({ ...column, dims: 1536, ...outside, ...one }))
    return checkStorage(facts({}, { columns: all })).map(({ cure }) => cure.statements[0])
  }
  const plain = 'ALTER TABLE app.items ALTER COLUMN embedding SET STORAGE PLAIN'
  expect(statementsOf({})).toEqual([plain])
  // Of two there is room for one.
  expect(statementsOf({}, [{ column: 'other', name: 'other' }])).toEqual([plain])
  // Beside columns of other types.
  expect(statementsOf({ otherBytes: 2100 })).toEqual(['BEGIN'])
  expect(statementsOf({ otherBytes: 6000 })).toEqual([])
  const [finding] = checkStorage(facts({ dims: 1536, ...outside }))
  expect(finding!.cure.caution).toContain('SET STORAGE EXTERNAL')
})

test('a build over an expression or a part of the rows takes the memory of these', () => {
  const bits: Partial<VectorIndex> = { condition: 'tenant = 1', rows: 1000, type: 'bit', dims: 1536 }
  const [whole] = checkMaintenanceMemory(facts({ rows: 1e6, dims: 1536 }))
  expect(whole!.what).toContain('1000000 rows')
  expect(checkMaintenanceMemory(facts({ rows: 1e6, dims: 1536, indexes: [{ ...index, ...bits }] }))).toEqual(
    [],
  )
})

test('an index that is being built is not taken for one that was left', () => {
  const left = { relation: 'app.items', name: 'app.items_ccnew', twin: 'app.items_hnsw', isBusy: false }
  expect(checkInvalidIndexes(facts({}, { invalid: [left] })).map(({ cure }) => cure.statements)).toEqual([
    ['DROP INDEX CONCURRENTLY app.items_ccnew'],
  ])
  const building = facts({}, { invalid: [{ ...left, isBusy: true }] })
  expect(checkInvalidIndexes(building)).toEqual([])
  expect(describeBuilds(building)).toEqual([expect.stringContaining('app.items_ccnew')])
  // A standby does not see who builds on its primary.
  const standby = facts({}, { invalid: [left], isStandby: true })
  expect(checkInvalidIndexes(standby)).toEqual([])
  expect(describeBuilds(standby)).toEqual([expect.stringContaining('Ask the primary')])
})

test('the smallest step is looked for between two of the ladder', async () => {
  const asked: number[] = []
  const measure = async (value: number) => {
    asked.push(value)
    const recall = value >= 30 ? 0.97 : 0.9
    return { recall, ci95: [recall, recall] as const }
  }
  const found = await findSmallest([10, 20, 40, 80], 0.95, measure)
  expect(found!.value).toBeGreaterThanOrEqual(30)
  expect(found!.value).toBeLessThanOrEqual(33)
  expect(asked).not.toContain(80)
  expect(await findSmallest([10, 20], 0.95, measure)).toBeUndefined()
})

/** The first and the third as they were measured on 20,000 text embeddings of 512 dimensions, at one probe. */
test('lists of an empty table are told from those of the rows, and from large groups', () => {
  expect(isBuiltTooEarly(2058, 0.424, 20_000, 50)).toBe(true)
  expect(isBuiltTooEarly(1588, 0.424, 20_000, 50)).toBe(true)
  expect(isBuiltTooEarly(577, 0.695, 20_000, 50)).toBe(false)
  expect(isBuiltTooEarly(2000, 0.95, 20_000, 50)).toBe(false)
  expect(isBuiltTooEarly(20_000, 1, 20_000, 4)).toBe(false)
  // One group holds a third of the rows, and a probe finds all of its neighbours.
  expect(isBuiltTooEarly(7000, 1, 20_000, 10)).toBe(false)
  // Nearly all of 2000 rows came into one list of 40 by chance, as measured twice; where they are one group, none is missed.
  expect(isBuiltTooEarly(1720, 0.917, 2000, 40)).toBe(true)
  expect(isBuiltTooEarly(1908, 0.985, 2000, 40)).toBe(true)
  expect(isBuiltTooEarly(1720, 0.99, 2000, 40)).toBe(false)
})
