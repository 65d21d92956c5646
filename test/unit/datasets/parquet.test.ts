import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parquetWriteFile } from 'hyparquet-writer'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadDataset } from '#src/datasets/catalogue.js'
import { readVectors } from '#src/datasets/readers/list.js'

type SchemaElement = NonNullable<Parameters<typeof parquetWriteFile>[0]['schema']>[number]

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'simdgres-parquet-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const rows = 250
const vectorOf = (row: number) => [row, row + 0.5, -row]
const vectors = Array.from({ length: rows }, (_, row) => vectorOf(row))

/** A list of three levels, as Arrow, pandas and Spark write it. */
function listSchema(name: string, type: 'FLOAT' | 'DOUBLE' | 'INT32'): SchemaElement[] {
  return [
    { name, repetition_type: 'OPTIONAL', converted_type: 'LIST', num_children: 1 },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', repetition_type: 'OPTIONAL', type },
  ]
}

interface Column {
  readonly name: string
  readonly data: unknown[]
  readonly type?: 'FLOAT' | 'DOUBLE' | 'INT32'
}

function write(name: string, columns: readonly Column[], options = {}): string {
  const filename = join(folder, name)
  const root: SchemaElement = { name: 'root', num_children: columns.length }
  const leaves = columns.flatMap(({ name, type }): SchemaElement[] =>
    type === undefined ? [{ name, repetition_type: 'REQUIRED', type: 'INT32' }] : listSchema(name, type),
  )
  const columnData = columns.map(({ name, data }) => ({ name, data }))
  parquetWriteFile({ filename, columnData, schema: [root, ...leaves], ...options })
  return filename
}

const ids: Column = { name: 'id', data: vectors.map((_, row) => row) }

describe('a file of vectors in Parquet', () => {
  test.each(['FLOAT', 'DOUBLE'] as const)(
    'of %s is read, over row groups and beside other columns',
    async (type) => {
      const path = write(`${type}.parquet`, [ids, { name: 'emb', data: vectors, type }], { rowGroupSize: 90 })
      const matrix = await readVectors(path)
      expect(matrix).toMatchObject({ rows, dims: 3 })
      expect(Array.from(matrix.data)).toEqual(vectors.flat())
    },
  )

  test('is a data set, of which a part can be searched', async () => {
    const path = write('data.parquet', [ids, { name: 'emb', data: vectors, type: 'FLOAT' }])
    const { base, queries } = await loadDataset(path, { maxRows: 100, queries: 20 })
    expect([base.rows, queries.rows, base.dims]).toEqual([100, 20, 3])
  })

  test('with several columns of vectors has to name one as such', async () => {
    const named = write('named.parquet', [
      { name: 'title', data: vectors.map(() => [1, 2]), type: 'FLOAT' },
      { name: 'embedding', data: vectors, type: 'FLOAT' },
    ])
    expect((await readVectors(named)).dims).toBe(3)
    const unclear = write('unclear.parquet', [
      { name: 'title', data: vectors, type: 'FLOAT' },
      { name: 'body', data: vectors, type: 'FLOAT' },
    ])
    await expect(readVectors(unclear)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringContaining('has several columns of vectors: title, body'),
    })
  })

  test('without one says which columns there are', async () => {
    const path = write('none.parquet', [ids, { name: 'tags', data: vectors.map(() => [1]), type: 'INT32' }])
    await expect(readVectors(path)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringContaining(
        'no column of vectors: none of id, tags holds lists of float or double',
      ),
    })
  })

  test.each([
    ['other dims', [1, 2], 'has 2 in row 7: expected 3 numbers, as before it'],
    ['no vector', null, 'has none in row 7: expected 3 numbers'],
    ['NaN', [1, Number.NaN, 3], 'has NaN in row 7: expected a finite f32 value in dimension 1'],
    ['a number beyond f32', [1e39, 1, 1], 'has 1e+39 in row 7: expected a finite f32 value in dimension 0'],
  ])('with a row of %s names it', async (_, row, message) => {
    const data = vectors.map((vector, i) => (i === 7 ? row : vector))
    const path = write('wrong.parquet', [{ name: 'emb', data, type: 'DOUBLE' }])
    await expect(readVectors(path)).rejects.toMatchObject({
      code: 'ERR_CORRUPT_DATA',
      message: expect.stringContaining(message),
    })
  })

  test('that is cut off, or something else, is damaged', async () => {
    const path = write('whole.parquet', [{ name: 'emb', data: vectors, type: 'FLOAT' }])
    const bytes = readFileSync(path)
    for (const [name, content] of [
      ['cut.parquet', bytes.subarray(0, bytes.length - 100)],
      ['text.parquet', Buffer.from('id,emb\n1,"[1,2,3]"\n')],
      ['empty.parquet', Buffer.alloc(0)],
    ] as const) {
      writeFileSync(join(folder, name), content)
      await expect(readVectors(join(folder, name))).rejects.toMatchObject({
        code: 'ERR_CORRUPT_DATA',
        message: expect.stringContaining(name),
      })
    }
  })
})
