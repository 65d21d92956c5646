import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadDataset } from '#src/datasets/catalogue.js'
import { packageRoot } from '#src/system/cache-folder.js'
import { memoryLimitBytes, requireMemory } from '#src/system/memory-limit.js'
import { readBandwidthBytes } from '#src/vectors/capabilities.js'

test('what is needed is told before the kernel ends the process', () => {
  expect(() => requireMemory(1e6, 'reading x.npy')).not.toThrow()
  const limit = memoryLimitBytes()
  expect(() => requireMemory(limit, 'reading x.npy')).toThrow(
    expect.objectContaining({
      code: 'ERR_RESOURCE',
      message: expect.stringMatching(
        new RegExp(
          `^reading x\\.npy needs [\\d,]+ MB of memory \\(${limit + 128 * 2 ** 20} bytes\\), and this process can use`,
        ),
      ),
    }),
  )
})

test('memory that the caller takes beside the vectors counts', async () => {
  const small = 'synthetic-100x4'
  expect((await loadDataset(small)).base.rows).toBe(100)
  await expect(loadDataset(small, { besideBytes: () => memoryLimitBytes() })).rejects.toMatchObject({
    code: 'ERR_RESOURCE',
  })
})

test('the bandwidth is measured with a buffer of the size that is reckoned with', () => {
  const source = readFileSync(join(packageRoot, 'native', 'node', 'bandwidth.cc'), 'utf8')
  expect(source).toContain(`kBufferBytes = std::size_t{${readBandwidthBytes / 2 ** 20}} << 20`)
})
