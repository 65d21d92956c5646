import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { readSealedFile, type SealedKind, writeSealedFile } from '#src/datasets/store/sealed-file.js'
import { runCli } from './run-cli.js'

let cache: string
beforeAll(async () => {
  cache = await mkdtemp(join(tmpdir(), 'simdgres-truth-'))
})
afterAll(() => rm(cache, { recursive: true, force: true }))

const kind: SealedKind = {
  magic: 'SGTRUTH_',
  version: 1,
  payloadBytes: (rows, columns) => rows * columns * 12,
}
const queries = 20

const bench = (k: number) =>
  runCli(
    [
      ...['bench', '--dataset', 'synthetic-500x8', '--queries', String(queries), '--paths', 'addon-exact'],
      ...['--seconds', '0.2', '--k', String(k), '--target', 'local'],
    ],
    { SIMDGRES_CACHE: cache },
  )

const fileOf = async (k: number): Promise<string> => {
  const folder = join(cache, 'ground-truth')
  const names = await readdir(folder)
  return join(folder, names.find((name) => name.endsWith(`-k${k}.truth`))!)
}

/** The true 4 neighbours of each query without the nearest, or without the third, of one query: the 5 true ones minus one. */
async function forgetNeighbour(query: number, rank: number): Promise<void> {
  const content = await readSealedFile(await fileOf(5), kind)
  const distances = new Float64Array(content!.payload, 0, queries * 5)
  const ids = new Uint32Array(content!.payload, distances.byteLength, queries * 5)
  const isKept = (_: number, index: number): boolean =>
    index % 5 !== (Math.floor(index / 5) === query ? rank : 4)
  const shape = { rows: queries, columns: 4 }
  await writeSealedFile(await fileOf(4), kind, shape, [distances.filter(isKept), ids.filter(isKept)])
}

it('fails where the truth has lost one neighbour, and names the query and the place', async () => {
  for (const k of [4, 5]) expect((await bench(k)).code).toBe(0)
  for (const rank of [0, 2]) {
    await forgetNeighbour(7, rank)
    const { code, stderr } = await bench(4)
    expect(stderr).toContain(`The truth is wrong: neighbour ${rank + 1} of query 7 of synthetic-500x8`)
    expect(code).toBe(1)
  }
})
