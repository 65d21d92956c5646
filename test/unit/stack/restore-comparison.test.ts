import { expect, test } from 'vitest'
import { compareContents } from '#src/stack/restore/comparison.js'
import type { Contents } from '#src/stack/sets/backup-sets.js'

const recorded: Contents = {
  schema: 'simdgres.backup/2',
  database: 'shop',
  takenAt: '2026-01-31T12:00:00Z',
  serverVersion: '17.0',
  encoding: 'UTF8',
  collate: 'C.UTF-8',
  ctype: 'C.UTF-8',
  searchPath: 'app, public',
  extensions: { vector: '0.8.0' },
  tables: [
    { name: 'app.a', rows: 3, hash: '1/2', isPartial: false },
    { name: 'app.b', rows: 4, hash: '5/6', isPartial: false },
  ],
  materializedViews: ['app.summary'],
  sequences: [
    { name: 'app.up', lastValue: '9007199254740993', isCalled: true, increment: 1 },
    { name: 'app.down', lastValue: '-5', isCalled: true, increment: -1 },
  ],
}

const withTable = (change: Partial<Contents['tables'][number]>): Contents => ({
  ...recorded,
  tables: [{ ...recorded.tables[0]!, ...change }, recorded.tables[1]!],
})
const withSequences = (up: string, down: string): Contents => ({
  ...recorded,
  sequences: [
    { ...recorded.sequences[0]!, lastValue: up },
    { ...recorded.sequences[1]!, lastValue: down },
  ],
})

test('accepts what is the same, and sequences that have gone on', () => {
  expect(compareContents(recorded, recorded)).toEqual({ tables: 2, rows: 7, extensionChanges: [] })
  expect(() => compareContents(recorded, withSequences('9007199254740994', '-6'))).not.toThrow()
})

test.each([
  ['fewer rows', withTable({ rows: 2 }), 'app.a has 2 rows in place of 3'],
  ['other contents', withTable({ hash: '1/3' }), 'app.a has other contents'],
  ['a table less', { ...recorded, tables: recorded.tables.slice(1) }, 'app.a is missing'],
  [
    'a table more',
    { ...recorded, tables: [...recorded.tables, { name: 'app.c', rows: 0, hash: '0/0', isPartial: false }] },
    'app.c was not there',
  ],
  ['a sequence that is behind by one of 2^53', withSequences('9007199254740992', '-5'), 'app.up is at'],
  ['a falling sequence that is behind', withSequences('9007199254740993', '-4'), 'app.down is at'],
  ['a view less', { ...recorded, materializedViews: [] }, 'materialized view app.summary is missing'],
  ['an extension less', { ...recorded, extensions: {} }, 'extension vector is missing'],
])('refuses %s', (_, restored, message) => {
  expect(() => compareContents(recorded, restored)).toThrow(message)
})

test('compares a set of version 1, with views among its tables and generated columns in its hashes', () => {
  const [first, second] = recorded.tables
  const view = { name: 'app.summary', rows: 1, hash: 'of older rows', isPartial: false }
  const old: Contents = {
    ...recorded,
    schema: 'simdgres.backup/1',
    tables: [first!, second!, view],
    materializedViews: [],
  }
  const restored = withTable({ hash: 'of other columns', isPartial: true })
  expect(() => compareContents(old, restored)).not.toThrow()
})

test('tells of another version of an extension', () => {
  const { extensionChanges } = compareContents(recorded, { ...recorded, extensions: { vector: '0.8.1' } })
  expect(extensionChanges).toEqual(['vector 0.8.0 -> 0.8.1'])
})
