import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { roundToHalves } from '#src/datasets/readers/half-precision.js'
import { type EmbeddingRun, embedAll } from '#src/datasets/sources/embedding-run.js'
import { silent } from '#src/progress.js'
import { type StubLog, startStub, stubVector } from './support/stub-embedder.js'
import { tempFolder } from './temp-folder.js'

const dims = 6
const texts = Array.from({ length: 1500 }, (_, index) => `text ${index}`)
/** 256 rows a part. */
const parts = 6

function newRun(folder: string, changes: Partial<EmbeddingRun> = {}): { run: EmbeddingRun; log: StubLog } {
  const log: StubLog = { texts: [], open: 0 }
  const startEmbedder = async () => startStub(dims, log)
  const run = {
    name: 'tiny',
    texts,
    dims,
    folder,
    threads: 2,
    startEmbedder,
    progress: silent,
    signal: undefined,
  }
  return { run: { ...run, ...changes }, log }
}

const expected = Float32Array.from(texts.flatMap((text) => [...stubVector(text, dims)]))
roundToHalves(expected)

test('every text is embedded once, rows keep the order of the texts, values are halves', async () => {
  const { run, log } = newRun(tempFolder())
  const matrix = await embedAll(run)
  expect(matrix).toEqual({ data: expected, rows: 1500, dims })
  expect(log.texts.toSorted()).toEqual(texts.toSorted())
  expect(log.open).toBe(0)
})

test('what is finished is read again, what is damaged is embedded again, with a note', async () => {
  const folder = tempFolder()
  await embedAll(newRun(folder).run)
  const path = join(folder, 'rows-0000512')
  const bytes = readFileSync(path)
  bytes[100]! ^= 1
  writeFileSync(path, bytes)
  const notes: string[] = []
  const { run, log } = newRun(folder, { progress: { ...silent, note: (text) => notes.push(text) } })
  expect((await embedAll(run)).data).toEqual(expected)
  expect(log.texts.toSorted()).toEqual(texts.slice(512, 768).toSorted())
  expect(notes[0]).toBe(`The cache file ${path} does not match its checksum; it is made again.`)
})

test('a failure ends all threads and is what is told; the next run goes on', async () => {
  const folder = tempFolder()
  const first = newRun(folder)
  let calls = 0
  const failing = async () =>
    startStub(dims, first.log, () => {
      if (++calls > 100) throw new Error('the model broke')
    })
  await expect(embedAll({ ...first.run, startEmbedder: failing })).rejects.toThrow('the model broke')
  expect(first.log.open).toBe(0)
  const done = readdirSync(folder).length
  expect(done).toBeGreaterThan(0)
  expect(done).toBeLessThan(parts)
  const second = newRun(folder)
  expect((await embedAll(second.run)).data).toEqual(expected)
  expect(second.log.texts.length).toBeLessThanOrEqual(1500 - done * 256 + 256)
})

test('an abort is answered after a call, and leaves what is finished', async () => {
  const folder = tempFolder()
  const controller = new AbortController()
  const { run, log } = newRun(folder, { signal: controller.signal })
  let calls = 0
  const startEmbedder = async () =>
    startStub(dims, log, () => (++calls > 100 ? controller.abort() : undefined))
  await expect(embedAll({ ...run, startEmbedder })).rejects.toMatchObject({ code: 'ERR_ABORTED' })
  expect(calls).toBeLessThan(105)
  expect(readdirSync(folder).every((name) => /^rows-\d{7}$/.test(name))).toBe(true)
})

test('vectors of another length, or with a value that is not finite, are refused', async () => {
  const answer = (values: number[]) => async () => ({
    embed: async () => Float32Array.from(values),
    close: async () => undefined,
  })
  for (const values of [[1, 2, 3], Array(8 * dims).fill(Number.NaN)]) {
    const { run } = newRun(tempFolder(), { startEmbedder: answer(values) })
    await expect(embedAll(run)).rejects.toMatchObject({ code: 'ERR_CORRUPT_DATA' })
  }
})

test('the time that is left is told, with what was done earlier', async () => {
  const folder = tempFolder()
  await embedAll(newRun(folder, { texts: texts.slice(0, 512) }).run)
  const notes: string[] = []
  await embedAll(newRun(folder, { progress: { ...silent, note: (text) => notes.push(text) } }).run)
  expect(notes).toEqual([
    'Embedding 1500 texts, 512 of them done earlier: about 1 min left on this machine, on 2 threads. ' +
      'If it is stopped, the next run goes on where it stopped.',
  ])
})

test('a run that is killed with SIGKILL goes on where it was', async () => {
  const folder = tempFolder()
  const script = fileURLToPath(new URL('children/embed-slowly.mjs', import.meta.url))
  const child = spawn(process.execPath, [script, folder], { stdio: 'inherit' })
  const finished = () => readdirSync(folder).filter((name) => !name.endsWith('.part')).length
  for (const giveUpAt = Date.now() + 30_000; finished() < 3; await sleep(50)) {
    expect(Date.now()).toBeLessThan(giveUpAt)
  }
  child.kill('SIGKILL')
  await once(child, 'exit')

  const slow = Array.from({ length: 2000 }, (_, index) => `text ${index}`)
  const kept = finished()
  const log: StubLog = { texts: [], open: 0 }
  const { run } = newRun(folder, { texts: slow, dims: 4, startEmbedder: async () => startStub(4, log) })
  const { data } = await embedAll(run)
  expect(log.texts.length).toBe(2000 - kept * 256)
  const ofChild = slow.filter((text) => !log.texts.includes(text))
  for (const text of ofChild) {
    const row = Number(text.slice(5))
    expect(Math.abs(data[row * 4]! - row / 4096)).toBeLessThan(2 ** -11)
  }
})
