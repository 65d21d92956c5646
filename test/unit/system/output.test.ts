import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { writeFileAtomically, writeStreamAtomically } from '#src/system/atomic-file.js'
import { isSameOutput, resolveOutput } from '#src/system/output.js'

let folder: string
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'simdgres-output-')))
})
afterEach(() => rmSync(folder, { recursive: true }))

function makePipe(): string {
  const path = join(folder, 'pipe')
  execFileSync('mkfifo', [path])
  return path
}

const bytes = (content: string) => [Buffer.from(content)]

describe('a path leads to', () => {
  test.each([
    ['-', { kind: 'descriptor', descriptor: 1 }],
    ['/dev/stdout', { kind: 'descriptor', descriptor: 1 }],
    ['/dev/stderr', { kind: 'descriptor', descriptor: 2 }],
    ['/dev/fd/7', { kind: 'descriptor', descriptor: 7 }],
    ['/proc/self/fd/1', { kind: 'descriptor', descriptor: 1 }],
    ['/dev/null', { kind: 'device', path: '/dev/null' }],
  ])('%s', async (path, output) => {
    expect(await resolveOutput(path)).toEqual(output)
  })

  test('a file, through every link, also where it is not there yet', async () => {
    mkdirSync(join(folder, 'real'))
    symlinkSync('real', join(folder, 'short'))
    symlinkSync('short/new', join(folder, 'link'))
    const output = { kind: 'file', path: join(folder, 'real', 'new') }
    expect(await resolveOutput(join(folder, 'link'))).toEqual(output)
    expect(await resolveOutput(join(folder, 'short', 'new'))).toEqual(output)
  })

  test('nothing, where links go in a circle: writing says so', async () => {
    symlinkSync('b', join(folder, 'a'))
    symlinkSync('a', join(folder, 'b'))
    await expect(writeFileAtomically(join(folder, 'a', 'x'), bytes('x'))).rejects.toThrow(/ELOOP|ENOENT/)
    await expect(writeFileAtomically(join(folder, 'a'), bytes('x'))).resolves.toBeUndefined()
  })

  test('no socket and no disk', async () => {
    const path = join(folder, 'socket')
    const server = createServer().listen(path)
    await once(server, 'listening')
    await expect(resolveOutput(path)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    server.close()
  })
})

test('two spellings of one place are the same, two places are not', async () => {
  const path = join(folder, 'x')
  const same = async (a: string, b: string) => isSameOutput(await resolveOutput(a), await resolveOutput(b))
  expect(await same(path, `${folder}/./x`)).toBe(true)
  writeFileSync(path, '')
  symlinkSync('x', join(folder, 'link'))
  execFileSync('ln', [path, join(folder, 'hard')])
  expect(await same(path, join(folder, 'link'))).toBe(true)
  expect(await same(path, join(folder, 'hard'))).toBe(true)
  expect(await same('-', '/dev/stdout')).toBe(true)
  expect(await same(path, join(folder, 'y'))).toBe(false)
  expect(await same(join(folder, 'y'), '/dev/null')).toBe(false)
})

describe('writing', () => {
  test('into a device leaves it a device, and makes nothing beside it', async () => {
    await writeFileAtomically('/dev/null', bytes('gone'))
    expect(lstatSync('/dev/null').isCharacterDevice()).toBe(true)
    expect(readdirSync('/dev').filter((name) => name.startsWith('null.'))).toEqual([])
  })

  test('into a pipe reaches its reader, and leaves it a pipe', async () => {
    const path = makePipe()
    const reader = spawn('cat', [path], { stdio: ['ignore', 'pipe', 'inherit'] })
    const large = Buffer.alloc(300_000, 'x')
    const [read] = await Promise.all([text(reader.stdout), writeFileAtomically(path, [...bytes('<'), large])])
    expect(read).toBe(`<${large}`)
    expect(lstatSync(path).isFIFO()).toBe(true)
    expect(readdirSync(folder)).toEqual(['pipe'])
  })

  test('into a pipe that nobody reads ends with a reason', async () => {
    await expect(writeFileAtomically(makePipe(), bytes('x'))).rejects.toMatchObject({
      code: 'ERR_UNAVAILABLE',
      hint: expect.stringContaining('Start its reader first'),
    })
  })

  test('to a link keeps the link', async () => {
    writeFileSync(join(folder, 'real'), 'before')
    symlinkSync('real', join(folder, 'link'))
    await writeFileAtomically(join(folder, 'link'), bytes('after'))
    expect(readlinkSync(join(folder, 'link'))).toBe('real')
    expect(readFileSync(join(folder, 'real'), 'utf8')).toBe('after')
    expect(readdirSync(folder).sort()).toEqual(['link', 'real'])
  })

  test('to a full device is a full disk', async () => {
    await expect(writeFileAtomically('/dev/full', bytes('x'))).rejects.toMatchObject({
      code: 'ERR_RESOURCE',
      message: expect.stringContaining('/dev/full'),
    })
  })
})

describe('a stream', () => {
  test('is in the file when it is complete, for its owner alone; a link stays', async () => {
    writeFileSync(join(folder, 'real'), 'before')
    symlinkSync('real', join(folder, 'link'))
    const length = await writeStreamAtomically(join(folder, 'link'), async (output) => {
      output.write('after')
      expect(readFileSync(join(folder, 'real'), 'utf8')).toBe('before')
    })
    expect(length).toBe(5)
    expect(readlinkSync(join(folder, 'link'))).toBe('real')
    expect(readFileSync(join(folder, 'real'), 'utf8')).toBe('after')
    expect(lstatSync(join(folder, 'real')).mode & 0o777).toBe(0o600)
    expect(readdirSync(folder).sort()).toEqual(['link', 'real'])
  })

  test('that fails leaves what was there, and nothing beside it', async () => {
    const path = join(folder, 'x')
    writeFileSync(path, 'before')
    const attempt = writeStreamAtomically(path, async (output) => {
      output.write('half')
      throw new Error('the rest is lost')
    })
    await expect(attempt).rejects.toThrow('the rest is lost')
    expect(readFileSync(path, 'utf8')).toBe('before')
    expect(readdirSync(folder)).toEqual(['x'])
  })

  test.each(['/dev/stdout', '/dev/null'])('is not for %s, which a rename would replace', async (path) => {
    await expect(writeStreamAtomically(path, async () => undefined)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
    })
  })
})
