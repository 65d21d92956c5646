import { readdirSync, readFileSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readSealedFile, type SealedKind, writeSealedFile } from '#src/datasets/store/sealed-file.js'
import { removeLeftovers, writeFileAtomically } from '#src/system/atomic-file.js'
import { tempFolder } from './temp-folder.js'

const kind: SealedKind = {
  magic: 'TESTFILE',
  version: 3,
  payloadBytes: (rows, columns) => rows * columns * 4,
}
const shape = { rows: 3, columns: 2 }
const values = Float32Array.of(1, 2, 3, 4, 5, 6)

async function sealed(): Promise<string> {
  const path = join(tempFolder(), 'x')
  await writeSealedFile(path, kind, shape, [values.subarray(0, 2), values.subarray(2)])
  return path
}

test('what is sealed comes back, and nothing else is left in the folder', async () => {
  const path = await sealed()
  const content = await readSealedFile(path, kind)
  expect(content).toMatchObject(shape)
  expect(new Float32Array(content!.payload)).toEqual(values)
  expect(readdirSync(join(path, '..'))).toEqual(['x'])
  expect(await readSealedFile(`${path}-missing`, kind)).toBeUndefined()
})

test('every single flipped bit is noticed', async () => {
  const path = await sealed()
  const bytes = readFileSync(path)
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = Buffer.from(bytes)
    damaged[bit >> 3]! ^= 1 << (bit & 7)
    writeFileSync(path, damaged)
    await expect(readSealedFile(path, kind), `bit ${bit}`).rejects.toMatchObject({ code: 'ERR_CORRUPT_DATA' })
  }
})

test('every length but its own is noticed', async () => {
  const path = await sealed()
  const bytes = readFileSync(path)
  for (let length = 0; length < bytes.length; length++) {
    truncateSync(path, length)
    await expect(readSealedFile(path, kind)).rejects.toMatchObject({ code: 'ERR_CORRUPT_DATA' })
    writeFileSync(path, bytes)
  }
  writeFileSync(path, Buffer.concat([bytes, Buffer.alloc(1)]))
  await expect(readSealedFile(path, kind)).rejects.toThrow(/has 25 bytes of payload where 24 belong/)
})

test('a file of another kind or version is not read', async () => {
  const path = await sealed()
  await expect(readSealedFile(path, { ...kind, magic: 'OTHERONE' })).rejects.toThrow(
    /"TESTFILE", not "OTHERONE"/,
  )
  await expect(readSealedFile(path, { ...kind, version: 4 })).rejects.toThrow(/has version 3, not 4/)
})

describe('writeFileAtomically', () => {
  test('an abort in the middle leaves what was there before, and nothing more', async () => {
    const path = join(tempFolder(), 'x')
    await writeFileAtomically(path, [Buffer.from('before')])
    const controller = new AbortController()
    const writing = writeFileAtomically(path, [Buffer.alloc(256 << 20)], {
      signal: controller.signal,
    })
    setTimeout(() => controller.abort(), 5)
    await expect(writing).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    expect(readdirSync(join(path, '..'))).toEqual(['x'])
    expect(readFileSync(path, 'utf8')).toBe('before')
  })

  test('writers of one path do not meet: it holds what one of them wrote', async () => {
    const path = join(tempFolder(), 'x')
    const contents = ['a', 'b', 'c', 'd'].map((letter) => Buffer.from(letter.repeat(5 << 20)))
    await Promise.all(contents.map((content) => writeFileAtomically(path, [content])))
    const found = readFileSync(path)
    expect(contents.some((content) => content.equals(found))).toBe(true)
    expect(readdirSync(join(path, '..'))).toEqual(['x'])
  })

  test('a folder that is not there is a clear error', async () => {
    const path = join(tempFolder(), 'missing', 'x')
    await expect(writeFileAtomically(path, [])).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  })
})

test('removeLeftovers takes what a killed process left a day ago, and nothing else', async () => {
  const folder = tempFolder()
  const names = ['old.part', 'new.part', 'download-old', 'x.matrix']
  for (const name of names) writeFileSync(join(folder, name), '')
  for (const name of ['old.part', 'download-old', 'x.matrix']) utimesSync(join(folder, name), 1, 1)
  await removeLeftovers(folder)
  expect(readdirSync(folder).sort()).toEqual(['new.part', 'x.matrix'])
})
