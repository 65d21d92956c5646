import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { readSettings } from '#src/stack/settings.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simdgres-settings-'))
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(folder, { recursive: true })
})

test('a shell that has read an older .env does not say which server is the primary', async () => {
  const now = {
    STACK_PRIMARY: 'postgres-green',
    STACK_PRIMARY_VOLUME: 'postgres_data_2',
    STACK_PREVIOUS: 'postgres',
    STACK_PREVIOUS_VOLUME: 'postgres_data',
    PG_MAJOR: '18',
  }
  const lines = Object.entries(now).map(([name, value]) => `${name}=${value}\n`)
  await writeFile(join(folder, '.env'), lines.join(''))
  vi.stubEnv('STACK_PRIMARY', 'postgres')
  vi.stubEnv('STACK_PRIMARY_VOLUME', 'postgres_data')
  vi.stubEnv('STACK_PREVIOUS', 'postgres-green')
  vi.stubEnv('STACK_PREVIOUS_VOLUME', 'postgres_data_7')
  vi.stubEnv('STACK_NEXT_VOLUME', 'postgres_data_2')
  vi.stubEnv('PG_MAJOR', '17')
  const settings = readSettings(folder, undefined)
  expect(settings).toMatchObject(now)
  expect(settings['STACK_NEXT_VOLUME']).toBeUndefined()
})

test('for everything else, and for a version that .env does not give, the shell wins', async () => {
  await writeFile(join(folder, '.env'), 'STACK_PORT=5433\n')
  vi.stubEnv('STACK_PORT', '6000')
  vi.stubEnv('PG_MAJOR', '18')
  expect(readSettings(folder, undefined)).toMatchObject({ STACK_PORT: '6000', PG_MAJOR: '18' })
})
