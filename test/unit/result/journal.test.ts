import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Progress } from '#src/progress.js'
import { Journal } from '#src/result/journal.js'
import { findStartTime } from '#src/system/process-start.js'

let cache: string
const notes: string[] = []
const progress: Progress = { note: (message) => notes.push(message), step: () => undefined }
const pathOf = (key: string) => join(cache, 'journals', `${key}.ndjson`)

beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'simdgres-journal-'))
  vi.stubEnv('SIMDGRES_CACHE', cache)
  notes.length = 0
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(cache, { recursive: true, force: true })
})

/** A journal of a process that is gone, with two entries and one that was cut off. */
async function leaveJournal(key: string, identity = 'data'): Promise<void> {
  const journal = await Journal.open(key, identity, progress)
  await journal!.append({ turn: 1 })
  await journal!.append({ turn: 2 })
  const text = readFileSync(pathOf(key), 'utf8').replace(/"pid":\d+/, '"pid":2147483646')
  writeFileSync(pathOf(key), text)
  appendFileSync(pathOf(key), '{"turn":3,"ti')
}

test('a killed run’s entries are there for the next one, but for the line that was cut off', async () => {
  await leaveJournal('a')
  const journal = await Journal.open('a', 'data', progress)
  expect(journal!.entries).toEqual([{ turn: 1 }, { turn: 2 }])
  await journal!.append({ turn: 3 })
  const lines = readFileSync(pathOf('a'), 'utf8').trimEnd().split('\n')
  expect(lines.slice(1).map((line) => JSON.parse(line))).toEqual([{ turn: 1 }, { turn: 2 }, { turn: 3 }])
  expect(notes).toEqual([])
  await journal!.remove()
  expect(readdirSync(join(cache, 'journals'))).toEqual([])
})

test('entries of other data are dropped, with a note', async () => {
  await leaveJournal('a', 'other data')
  const journal = await Journal.open('a', 'data', progress)
  expect(journal!.entries).toEqual([])
  expect(notes).toEqual([expect.stringContaining('of other data or of another version')])
  await journal!.remove()
})

test('a journal that a living process has open is left to it', async () => {
  await leaveJournal('a')
  const parent = { pid: process.ppid, startTime: findStartTime(process.ppid) }
  const text = readFileSync(pathOf('a'), 'utf8')
  const owned = text.replace(/"owner":\{[^}]*\}/, `"owner":${JSON.stringify(parent)}`)
  writeFileSync(pathOf('a'), owned)
  expect(await Journal.open('a', 'data', progress)).toBeUndefined()
  expect(readFileSync(pathOf('a'), 'utf8')).toBe(owned)
  expect(notes).toEqual([expect.stringContaining('going on already')])
})

test('what is no journal begins anew', async () => {
  const journal = await Journal.open('a', 'data', progress)
  await journal!.remove()
  writeFileSync(pathOf('a'), 'not JSON\n')
  const again = await Journal.open('a', 'data', progress)
  expect(again!.entries).toEqual([])
  await again!.remove()
})

test('journals that nobody came back for go after two weeks', async () => {
  await leaveJournal('old')
  const weeksAgo = new Date(Date.now() - 15 * 24 * 3600 * 1000)
  utimesSync(pathOf('old'), weeksAgo, weeksAgo)
  const journal = await Journal.open('new', 'data', progress)
  expect(readdirSync(join(cache, 'journals'))).toEqual(['new.ndjson'])
  await journal!.remove()
})
