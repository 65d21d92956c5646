import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, vi } from 'vitest'

const made: string[] = []

afterEach(() => {
  vi.unstubAllEnvs()
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** A folder that is gone after the test. */
export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'simdgres-datasets-'))
  made.push(folder)
  return folder
}

/** An empty cache folder for this test; resolves to its root. */
export function emptyCache(): string {
  const folder = tempFolder()
  vi.stubEnv('SIMDGRES_CACHE', folder)
  return folder
}
