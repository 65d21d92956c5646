import { describe, expect, it } from 'vitest'
import { resultSchema } from '#src/result/schema.js'
import { runCli } from './run-cli.js'

const data = ['--target', 'local', '--dataset', 'synthetic-3000x32-i8', '--queries', '40']
const paths = 'null,pgvector-exact,pgvector-hnsw,extension-index,addon-exact'

describe('what a bench finds out beside speed and recall', () => {
  it('is the first search of a cold server, and searches while rows are inserted, once for each table and index', async () => {
    const { code, stdout, stderr } = await runCli([
      ...['bench', ...data, '--seconds', '0.4', '--paths', paths],
      ...['--cold', '2', '--while-inserting', '200', '--json', '-'],
    ])
    expect({ code, stderr }).toMatchObject({ code: 0 })
    const { paths: all, request } = resultSchema.parse(JSON.parse(stdout))
    expect(request).toMatchObject({ cold: 2, whileInserting: 200 })
    const rows = all.flatMap((row) => (row.status === 'ok' ? [row] : []))
    const cold = rows.flatMap(({ id, cold }) => (cold ? [{ id, cold }] : []))
    expect(cold.map(({ id }) => id)).toEqual(['null', 'pgvector-exact', 'pgvector-hnsw', 'extension-index'])
    for (const { cold: start } of cold) {
      expect(start).toMatchObject({ restarts: 2, pageCache: 'dropped' })
      for (const times of [start.connectMs, start.firstMs, start.nextMs]) expect(times).toHaveLength(2)
      // Libraries, catalogues and pages: a hundred times as long as a warm one here.
      expect(Math.min(...start.firstMs)).toBeGreaterThan(start.warmMs)
    }
    const searched = cold.find(({ id }) => id === 'pgvector-hnsw')!.cold
    // The kernel holds next to nothing of files of 8 MB and more.
    expect(searched.pageCacheLeftBytes ?? 0).toBeLessThan(6e6)
    const inserting = rows.flatMap(({ id, exact, inserting }) =>
      inserting ? [{ id, exact, inserting }] : [],
    )
    expect(inserting.map(({ id }) => id)).toEqual(['pgvector-exact', 'pgvector-hnsw', 'extension-index'])
    for (const { exact, inserting: found } of inserting) {
      expect(found).toMatchObject({ rate: 200, pairs: 10 })
      expect(found.rows).toBeGreaterThan(5)
      expect(found.reached).toBeGreaterThan(0)
      expect(found.reached).toBeLessThan(300)
      expect(found.insertMs!.p50).toBeGreaterThan(0)
      // Rows that were committed before are found, in a table that grows.
      if (exact) expect(found.recall.mean).toBe(1)
      else expect(found.recall.mean).toBeGreaterThan(0.8)
    }
    expect(stderr).toMatch(/\nFirst search after a restart of the server, ms\n/)
    expect(stderr).toMatch(/\nSearches while rows are inserted, ms\n/)
  })

  it.each([
    [['--cold', '2', '--paths', 'addon-exact'], /--cold/],
    [['--while-inserting', '5', '--paths', 'addon-exact'], /--while-inserting/],
    [['--cold', '0'], /--cold/],
    [['--cold', '2', '--url', 'postgres://me@127.0.0.1:1/x'], /that the run may restart for --cold/],
    [['--while-inserting', '0'], /--while-inserting/],
    [['--while-inserting', '20001'], /up to 20000/],
    [['--while-inserting', '5', '--filter', '10'], /--filter/],
    [
      ['--while-inserting', '5', '--table', 'x', '--url', 'postgres://me@h/x'],
      /Nothing is written to a table/,
    ],
    [['--cold', '5', '--table', 'x', '--url', 'postgres://me@h/x'], /is not restarted/],
  ])('%j is refused with what may be there', async (args, message) => {
    const { code, stderr } = await runCli(['bench', ...args, '--dry-run'])
    expect(stderr).toMatch(message)
    expect(stderr).toMatch(/\n {2}next: /)
    expect(code).toBe(2)
  })

  it('stands in the plan', async () => {
    const { stdout } = await runCli(['bench', '--cold', '6', '--while-inserting', '100', '--dry-run'])
    expect(stdout).toContain('cold      6 restarts of the server for each table and index\n')
    expect(stdout).toContain('inserting 100 rows/s into each table, behind the other searches\n')
  })
})
