import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ensureSecondRepository } from '#src/stack/secrets/second-repository.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simdgres-second-'))
  await mkdir(join(folder, 'secrets'), { mode: 0o700 })
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const pathOf = (name: string) => join(folder, 'secrets', name)
const readPassphrase = async () => (await readFile(pathOf('repository2_passphrase'), 'utf8')).trim()

describe('the passphrase of the second repository', () => {
  test('is made once', async () => {
    const { made } = await ensureSecondRepository(folder, '/mnt/backups')
    expect(made).toEqual(['repository2_passphrase', 'repository2.conf'])
    const passphrase = await readPassphrase()
    expect(passphrase.length).toBeGreaterThan(20)
    expect((await ensureSecondRepository(folder, '/mnt/backups')).made).toEqual([])
    expect(await readPassphrase()).toBe(passphrase)
  })

  test.each(['removed', 'emptied'])(
    'that was %s is taken from the settings: another could read nothing',
    async (how) => {
      await ensureSecondRepository(folder, '/mnt/backups')
      const [passphrase, settings] = [
        await readPassphrase(),
        await readFile(pathOf('repository2.conf'), 'utf8'),
      ]
      await rm(pathOf('repository2_passphrase'))
      if (how === 'emptied') await writeFile(pathOf('repository2_passphrase'), '\n')
      expect((await ensureSecondRepository(folder, '/mnt/backups')).made).toEqual(['repository2_passphrase'])
      expect(await readPassphrase()).toBe(passphrase)
      expect(await readFile(pathOf('repository2.conf'), 'utf8')).toBe(settings)
    },
  )

  test('stays where the folder becomes another, and the settings are others: the repository is made there', async () => {
    await ensureSecondRepository(folder, '/mnt/backups')
    const settings = await readFile(pathOf('repository2.conf'), 'utf8')
    expect((await ensureSecondRepository(folder, '/mnt/other')).made).toEqual(['repository2.conf'])
    const others = await readFile(pathOf('repository2.conf'), 'utf8')
    expect(others).toBe(settings.replace('/mnt/backups', '/mnt/other'))
  })

  test('that nobody here can read any more is not replaced', async () => {
    await ensureSecondRepository(folder, '/mnt/backups')
    await rm(pathOf('repository2_passphrase'))
    await rm(pathOf('repository2.conf.own'))
    await expect(ensureSecondRepository(folder, '/mnt/backups')).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringContaining(
        'repository2_passphrase is missing, and the repository is encrypted with it',
      ),
      hint: expect.stringContaining('Put it back from your copy'),
    })
    await rm(pathOf('repository2.conf'))
    expect((await ensureSecondRepository(folder, '/mnt/backups')).made).toEqual([
      'repository2_passphrase',
      'repository2.conf',
    ])
  })
})
