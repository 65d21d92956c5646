import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { metrics } from '#src/vectors/metric.js'
import { VectorSet } from '#src/vectors/vector-set.js'
import { childPath, runChild } from './child.js'
import { randomVectors, unevenVectors } from './oracle.js'

const dims = 24
const rows = 1003
const data = unevenVectors(rows, dims)
const queries = new Float32Array([...data.subarray(100 * dims, 102 * dims), ...randomVectors(6, dims, 2)])
const shapes = metrics.flatMap((metric) => [{ metric }, { metric, codes: 'levels' as const }])

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simdgres-save-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const file = (name: string) => join(folder, name)

describe.each(shapes)('a set that is opened ($metric, codes: $codes)', (shape) => {
  it('is searched as the one that was saved', async () => {
    using saved = VectorSet.from(data, { dims, ...shape })
    const path = file(`${shape.metric}-${shape.codes}.vectors`)
    await saved.save(path)
    for (const open of [
      () => VectorSet.open(path),
      async () => VectorSet.openSync(pathToFileURL(path), { verify: true }),
    ]) {
      using opened = await open()
      expect(opened).toMatchObject({ rows, dims, metric: shape.metric })
      expect(opened.bytes).toBeLessThan(saved.bytes)
      const filter = Uint32Array.from({ length: 300 }, (_, i) => i * 3)
      for (const options of [{ k: 10 }, { k: 5, threads: 3, filter }, { k: rows }]) {
        expect(await opened.search(queries, options)).toEqual(saved.searchSync(queries, options))
      }
      const near = saved.searchSync(queries.subarray(0, dims), { k: 40 })
      const radius = near.distances[30]!
      if (shape.metric !== 'ip' && !(radius >= 0)) continue
      expect(opened.searchRadiusSync(queries, { radius })).toEqual(
        saved.searchRadiusSync(queries, { radius }),
      )
    }
    await VectorSet.verify(path)
  })
})

it('reads few bytes of a large file, and as few by codes as before', async () => {
  const wide = randomVectors(20_000, 64, 3)
  using saved = VectorSet.from(wide, { dims: 64, metric: 'l2', codes: 'levels' })
  await saved.save(file('large.vectors'))
  using opened = await VectorSet.open(file('large.vectors'))
  const asked = wide.slice(0, 640)
  expect(opened.searchSync(asked, { k: 10 })).toEqual(saved.searchSync(asked, { k: 10 }))
  expect(opened.bytes).toBeLessThan(100_000)
})

describe('save', () => {
  const options = { dims, metric: 'cosine' } as const

  it('replaces a file as a whole, also one that is open, and leaves nothing beside it', async () => {
    await mkdir(file('replaced'))
    const path = file('replaced/set')
    using first = VectorSet.from(data, options)
    using second = VectorSet.from(data.slice(0, 10 * dims), options)
    await first.save(path)
    using opened = await VectorSet.open(path)
    await second.save(path)
    expect(opened.searchSync(queries, { k: 3 })).toEqual(first.searchSync(queries, { k: 3 }))
    using reopened = await VectorSet.open(path)
    expect(reopened.rows).toBe(10)
    // Of itself, too.
    await reopened.save(path)
    await Promise.all(Array.from({ length: 8 }, (_, i) => (i % 2 ? first : second).save(path)))
    await VectorSet.verify(path)
    expect(await readdir(file('replaced'))).toEqual(['set'])
  })

  it('goes on when the set is closed, and searches go on meanwhile', async () => {
    const set = VectorSet.from(data, options)
    const expected = set.searchSync(queries, { k: 3 })
    const saving = set.save(file('closed'))
    const searching = set.search(queries, { k: 3 })
    set.close()
    await saving
    expect(await searching).toEqual(expected)
    using opened = await VectorSet.open(file('closed'), { verify: true })
    const left = opened.search(queries, { k: 3 })
    opened.close()
    expect(await left).toEqual(expected)
    await expect(set.save(file('closed'))).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    expect(() => opened.searchSync(queries, { k: 1 })).toThrow('it has been closed')
  })

  it.each([0o600, 0o640, 0o444])('keeps the permissions of a file it replaces: %o', async (mode) => {
    const path = file(`mode-${mode}`)
    await writeFile(path, 'old')
    await chmod(path, mode)
    using set = VectorSet.from(data, options)
    await set.save(path)
    expect((await stat(path)).mode & 0o777).toBe(mode)
    await VectorSet.verify(path)
  })

  it('is not in the way of what a killed process with the same number has left', async () => {
    await mkdir(file('left'))
    const left = Array.from({ length: 2000 }, (_, i) => `set.${process.pid}-${i}.tmp`)
    for (const name of left) await writeFile(file(`left/${name}`), '')
    using set = VectorSet.from(data, options)
    await set.save(file('left/set'))
    expect((await readdir(file('left'))).toSorted()).toEqual(['set', ...left].toSorted())
  })

  it.runIf(existsSync('/usr/bin/prlimit'))('says that memory is lacking to save a changed set', async () => {
    expect(await runChild('save-starved', {}, [file('starved')])).toEqual({
      code: 'ERR_RESOURCE',
      message: 'There is not enough memory for saving the set',
      hint: 'Close sets that are no longer needed, or use a machine with more memory.',
    })
    expect(existsSync(file('starved'))).toBe(false)
  })

  it('writes through a link', async () => {
    await writeFile(file('target'), 'old')
    await symlink(file('target'), file('link'))
    using set = VectorSet.from(data, options)
    await set.save(file('link'))
    await VectorSet.verify(file('target'))
  })

  it.each([
    ['a folder', '.', 'ERR_INVALID_ARGUMENT', 'is not a file'],
    ['a device', '/dev/null', 'ERR_INVALID_ARGUMENT', 'is not a file'],
    ['a folder that is not there', 'none/set', 'ERR_UNAVAILABLE', 'Could not write'],
    ['no path', '', 'ERR_INVALID_ARGUMENT', 'a path or a file: URL'],
    ['a path with a zero', 'a\0b', 'ERR_INVALID_ARGUMENT', 'a path or a file: URL'],
  ])('refuses %s', async (_, name, code, message) => {
    using set = VectorSet.from(data, options)
    const path = name === '' || name.startsWith('/') ? name : `${folder}/${name}`
    await expect(set.save(path)).rejects.toMatchObject({ code, message: expect.stringContaining(message) })
  })

  /** A child that may write so many blocks of 512 bytes to a file. */
  const limited = (blocks: number, path: string) =>
    promisify(execFile)('sh', [
      '-c',
      `trap "" XFSZ; ulimit -f ${blocks}; exec "$0" "$@"`,
      process.execPath,
      childPath('save'),
      path,
      '1',
    ])

  it('says what a full disk lacks, and keeps what the name had', async () => {
    await mkdir(file('full'))
    const path = file('full/set')
    await writeFile(path, 'what was there')
    const { stdout } = await limited(64, path)
    expect(JSON.parse(stdout)).toEqual({
      code: 'ERR_RESOURCE',
      message: expect.stringContaining(`Could not write ${path}`),
      hint: expect.stringContaining('Make room'),
    })
    expect(await readFile(path, 'utf8')).toBe('what was there')
    expect(await readdir(file('full'))).toEqual(['set'])
  })

  it('leaves a whole file or none when it is killed', async () => {
    await mkdir(file('killed'))
    const path = file('killed/set')
    for (let round = 0; round < 12; round++) {
      const child = spawn(process.execPath, [childPath('save'), path, '1000'])
      await once(child.stdout, 'data')
      await new Promise((resolve) => setTimeout(resolve, round * 3))
      child.kill('SIGKILL')
      await once(child, 'close')
      if (existsSync(path)) await VectorSet.verify(path)
    }
    expect((await readdir(file('killed'))).filter((name) => name !== 'set').length).toBeLessThan(3)
  })
})

describe('open', () => {
  let whole = ''
  beforeAll(async () => {
    whole = file('whole')
    using set = VectorSet.from(data, { dims, metric: 'l2', codes: 'levels' })
    await set.save(whole)
  })

  /** The error of a copy that has been changed. */
  async function openChanged(
    change: (bytes: Buffer) => Buffer | undefined,
    verify = false,
  ): Promise<unknown> {
    const bytes = await readFile(whole)
    await writeFile(file('changed'), change(bytes) ?? bytes)
    return VectorSet.open(file('changed'), { verify }).then(
      (set) => set.close(),
      (error: unknown) => error,
    )
  }

  const flip = (at: number) => (bytes: Buffer) => {
    bytes[at]! ^= 1
    return bytes
  }

  it.each<[string, (bytes: Buffer) => Buffer | undefined, string, RegExp]>([
    ['empty', () => Buffer.alloc(0), 'ERR_CORRUPT_DATA', /changed is cut short: it has 0 bytes/],
    ['another kind of file', () => Buffer.alloc(5000, 'x'), 'ERR_CORRUPT_DATA', /not a file of a VectorSet/],
    [
      'without its end',
      (b) => b.subarray(0, -4096),
      'ERR_CORRUPT_DATA',
      /is cut short: it has \d+ bytes of \d+/,
    ],
    ['longer', (b) => Buffer.concat([b, Buffer.alloc(1)]), 'ERR_CORRUPT_DATA', /is too long/],
    [
      'of a newer version',
      (b) => void b.writeUInt32LE(2, 8),
      'ERR_UNAVAILABLE',
      /version 2 .* reads version 1/,
    ],
    [
      'of another order of bytes',
      (b) => void b.subarray(12, 16).reverse(),
      'ERR_UNAVAILABLE',
      /order of bytes/,
    ],
    ['with another number of rows', flip(32), 'ERR_CORRUPT_DATA', /checksum of its header/],
  ])('refuses a file that is %s', async (_, change, code, message) => {
    const error = await openChanged(change)
    expect(error).toMatchObject({ code, message: expect.stringMatching(message), hint: expect.any(String) })
    expect((error as Error).message).toContain(file('changed'))
  })

  it('notices every flipped bit of what steers bounds, and of the rest when it is asked to', async () => {
    const bytes = await readFile(whole)
    for (let kind = 0; kind < 8; kind++) {
      const entry = 64 + 32 * kind
      const size = Number(bytes.readBigUInt64LE(entry + 16))
      if (size === 0) continue
      for (const at of [0, Math.floor(size / 2), size - 1]) {
        const change = flip(Number(bytes.readBigUInt64LE(entry + 8)) + at)
        expect(await openChanged(change, true)).toMatchObject({
          code: 'ERR_CORRUPT_DATA',
          message: expect.stringMatching(/checksum of its .*, bytes \d+ to \d+, is wrong/),
        })
        if (kind === 3) expect(await openChanged(change)).toMatchObject({ code: 'ERR_CORRUPT_DATA' })
      }
    }
  })

  it('refuses what is not there, may not be read or is no file, and says the next step', async () => {
    await expect(VectorSet.open(file('none'))).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' })
    expect(() => VectorSet.openSync(folder)).toThrow(expect.objectContaining({ code: 'ERR_CORRUPT_DATA' }))
    await expect(VectorSet.open('/dev/zero')).rejects.toMatchObject({ code: 'ERR_CORRUPT_DATA' })
    await expect(VectorSet.verify(file('none'))).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' })
    await expect(VectorSet.open(new URL('https://example.com/set'))).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
    })
    const open = VectorSet.open as (path: unknown, options?: unknown) => Promise<VectorSet>
    await expect(open(7)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    await expect(open(whole, { verify: 1 })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  })

  it('reads a file that nobody may write', async () => {
    await copyFile(whole, file('readonly'))
    await chmod(file('readonly'), 0o444)
    using set = await VectorSet.open(file('readonly'))
    expect(set.rows).toBe(rows)
  })

  it('is shared with workers', async () => {
    const workers = [1, 2, 3].map(
      () =>
        new Worker(childPath('worker'), { workerData: { path: whole, queries: data.slice(0, 3 * dims) } }),
    )
    const found = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]))
    expect(found).toEqual([1, 2, 3].map(() => [0, 1, 2]))
    await Promise.all(workers.map((worker) => worker.terminate()))
  })

  it('closes files: 2,000 sets leave no mapping', async () => {
    if (!existsSync('/proc/self/maps')) return
    const mappings = async () => (await readFile('/proc/self/maps', 'utf8')).split('whole').length - 1
    for (let i = 0; i < 2000; i++) VectorSet.openSync(whole).close()
    expect(await mappings()).toBe(0)
    await truncate(file('changed'), 0)
  })
})

it('survives files at random, with right checksums, too', async () => {
  const seed = process.env['SIMDGRES_FUZZ_SEED'] ?? '20260101'
  const files = process.env['SIMDGRES_FUZZ_FILES'] ?? '3000'
  console.log(`set files: SIMDGRES_FUZZ_SEED=${seed} SIMDGRES_FUZZ_FILES=${files}`)
  const outcome = (await runChild('file-fuzz', {}, [folder, seed, files])) as Record<string, number>
  expect(outcome['files']).toBe(Number(files))
  expect(outcome['refused']).toBeGreaterThan(Number(files) / 10)
  expect(outcome['searched']).toBeGreaterThan(Number(files) / 20)
}, 3_600_000)
