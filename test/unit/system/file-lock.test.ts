import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { isLocked, withLock } from '#src/system/file-lock.js'

const folder = mkdtempSync(join(tmpdir(), 'simdgres-lock-'))
afterAll(() => rmSync(folder, { recursive: true }))
const { signal } = new AbortController()
const required = { isRequired: true }

describe('a lock that is required', () => {
  test('is not done without where there is no flock(1); what can be done twice runs', async () => {
    vi.stubEnv('PATH', folder)
    try {
      const file = join(folder, 'missing')
      await expect(withLock(file, signal, async () => 'done', required)).rejects.toThrow(/no flock\(1\)/)
      await expect(isLocked(file)).rejects.toThrow(/no flock\(1\)/)
      expect(await withLock(file, signal, async () => 'done')).toBe('done')
    } finally {
      vi.unstubAllEnvs()
    }
  })

  test('is not done without where the file cannot be locked, and says why', async () => {
    const file = join(folder, 'no-folder', 'lock')
    await expect(withLock(file, signal, async () => 'done', required)).rejects.toThrow(
      /Cannot lock .*No such file or directory/,
    )
    mkdirSync(join(folder, 'no-folder'))
    expect(await withLock(file, signal, async () => 'done', required)).toBe('done')
  })
})

test('whether a file is locked is seen while it is, and not after', async () => {
  const file = join(folder, 'seen')
  expect(await withLock(file, signal, () => isLocked(file))).toBe(true)
  expect(await isLocked(file)).toBe(false)
})
