import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { loadDataset } from '../../../src/datasets/catalogue.js'
import { groundTruth } from '../../../src/datasets/ground-truth.js'
import { tempFolder } from './temp-folder.js'

const mounted: string[] = []
const isRoot = process.getuid?.() === 0

/** Mounting needs root; elsewhere sudo is tried, which continuous integration has. */
function asRoot(command: string, ...args: string[]): void {
  const [file, ...rest] = isRoot ? [command, ...args] : ['sudo', '-n', command, ...args]
  execFileSync(file!, rest, { stdio: 'pipe' })
}

/** By trying: root of a container may not mount, sudo may ask for a password. */
function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'simdgres-mount-'))
  try {
    asRoot('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder)
    asRoot('umount', folder)
    return true
  } catch {
    return false
  } finally {
    rmdirSync(folder)
  }
}

/** Without a way to mount, these tests are skipped on a workstation and fail in continuous integration. */
const onSmallDisk = test.skipIf(!canMount() && !process.env['CI'])

afterEach(() => {
  for (const folder of mounted.splice(0)) asRoot('umount', folder)
})

/** A cache folder on a disk of so many MiB. */
function smallDisk(mebibytes: number): string {
  const folder = tempFolder()
  asRoot('mount', '-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=0777`, 'tmpfs', folder)
  mounted.push(folder)
  vi.stubEnv('SIMDGRES_CACHE', folder)
  return folder
}

onSmallDisk.each([
  ['npm cannot store the package', 4],
  ['the converted vectors do not fit', 64],
])(
  '%s (a disk of %s MiB): ERR_RESOURCE, nothing is left [needs root or sudo to mount a disk]',
  async (_, mebibytes) => {
    const folder = smallDisk(mebibytes)
    const error = await loadDataset('mnist-784').catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'ERR_RESOURCE', hint: expect.stringContaining('SIMDGRES_CACHE') })
    expect((error as Error).message).toMatch(/No space is left on the disk/)
    expect(readdirSync(join(folder, 'datasets'))).toEqual([])
  },
)

onSmallDisk(
  'ground truth does not fit: ERR_RESOURCE, nothing is left [needs root or sudo to mount a disk]',
  async () => {
    const dataset = await loadDataset('synthetic-2000x4', { queries: 2000 })
    const folder = smallDisk(1)
    // 2,000 queries x 60 neighbours x 12 bytes are 1.4 MB.
    await expect(groundTruth(dataset, 60)).rejects.toMatchObject({ code: 'ERR_RESOURCE' })
    expect(readdirSync(join(folder, 'ground-truth'))).toEqual([])
  },
)
