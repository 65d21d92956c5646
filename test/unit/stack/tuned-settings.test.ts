import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readSettings, writeSettings } from '#src/stack/settings.js'
import { applyTuned, readTunedFile, undoTuned } from '#src/stack/tuned-settings.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simdgres-tuned-'))
})
afterAll(() => rm(folder, { recursive: true }))

test('tuned settings get into .env, and back out of it, also after a second file', async () => {
  await writeFile(join(folder, '.env'), 'STACK_PORT=5433\nPOSTGRES_WORK_MEM=16MB\n')
  const apply = async (text: string) => {
    const file = join(folder, 'tuned.env')
    await writeFile(file, text)
    await writeSettings(folder, applyTuned(readSettings(folder, undefined), await readTunedFile(file)))
  }
  await apply('# shared_buffers: 1GB -> 2GB\nPOSTGRES_SHARED_BUFFERS=2GB\nPOSTGRES_WORK_MEM=4MB\n')
  expect(readSettings(folder, undefined)).toMatchObject({
    POSTGRES_SHARED_BUFFERS: '2GB',
    POSTGRES_WORK_MEM: '4MB',
    STACK_PORT: '5433',
  })
  await apply('POSTGRES_WORK_MEM=8MB\nPOSTGRES_MAX_PARALLEL_WORKERS=3\n')
  expect(readSettings(folder, undefined)).toMatchObject({
    POSTGRES_WORK_MEM: '8MB',
    POSTGRES_MAX_PARALLEL_WORKERS: '3',
  })
  await writeSettings(folder, undoTuned(readSettings(folder, undefined)))
  const after = readSettings(folder, undefined)
  // Empty: the container computes it, as before.
  expect(after).toMatchObject({
    POSTGRES_SHARED_BUFFERS: '',
    POSTGRES_MAX_PARALLEL_WORKERS: '',
    POSTGRES_WORK_MEM: '16MB',
    STACK_PORT: '5433',
  })
  expect(() => undoTuned(after)).toThrow('No tuned settings are applied')
})

test.each([
  ['STACK_PORT=1', 'only POSTGRES_SHARED_BUFFERS'],
  ['POSTGRES_SHARED_BUFFERS="1GB -c x"', 'a size or a count'],
])('a file with %s is refused', async (line, message) => {
  const file = join(folder, 'other.env')
  await writeFile(file, `${line}\n`)
  await expect(readTunedFile(file)).rejects.toThrow(message)
})

test('a file that is not there is refused', async () => {
  await expect(readTunedFile(join(folder, 'none.env'))).rejects.toThrow('--tuned')
})
