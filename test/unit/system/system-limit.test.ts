import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readdirSync, writeSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { SimdgresError } from '#src/errors.js'
import { explainSystemLimit } from '#src/system/system-limit.js'

/** What `action` throws or rejects with. */
async function failureOf(action: () => unknown): Promise<unknown> {
  try {
    await action()
  } catch (error) {
    return error
  }
  throw new Error('It did not fail')
}

function writeTo(path: string): void {
  const file = openSync(path, 'w')
  try {
    writeSync(file, 'x')
  } finally {
    closeSync(file)
  }
}

async function connectTo(port: number, host = '127.0.0.1'): Promise<void> {
  const socket = connect({ port, host })
  await once(socket, 'connect').finally(() => socket.destroy())
}

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

async function listenTwice(): Promise<void> {
  const first = createServer().listen(0, '127.0.0.1')
  await once(first, 'listening')
  try {
    const second = createServer().listen((first.address() as { port: number }).port, '127.0.0.1')
    await once(second, 'listening')
  } finally {
    first.close()
  }
}

describe('a limit of the machine is a SimdgresError', () => {
  test.each([
    ['a full disk', () => writeTo('/dev/full'), 'ERR_RESOURCE', /No space is left on the disk \(ENOSPC\)/],
    ['a folder', () => readdirSync('/proc/self/stat'), 'ERR_INVALID_ARGUMENT', /ENOTDIR.*\/proc\/self\/stat/],
    ['a long path', () => openSync(`/tmp/${'x'.repeat(300)}`, 'r'), 'ERR_INVALID_ARGUMENT', /ENAMETOOLONG/],
    [
      'a port in use',
      listenTwice,
      'ERR_RESOURCE',
      /The port is in use \(EADDRINUSE: listen 127\.0\.0\.1:\d+\)/,
    ],
    [
      'no server',
      async () => connectTo(await closedPort()),
      'ERR_UNAVAILABLE',
      /Nothing answers.*127\.0\.0\.1:/,
    ],
    ['too long an array', () => new Float32Array(2 ** 40), 'ERR_RESOURCE', /too large for the memory/],
    ['too large a buffer', () => new ArrayBuffer(2 ** 52), 'ERR_RESOURCE', /too large for the memory/],
    ['too large a Buffer', () => Buffer.alloc(2 ** 53), 'ERR_RESOURCE', /too large for the memory/],
    ['too long a text', () => 'x'.repeat(2 ** 30), 'ERR_RESOURCE', /too large for the memory/],
  ])('%s', async (_what, action, code, message) => {
    const failure = await failureOf(action)
    const explained = explainSystemLimit(failure)
    expect(explained).toBeInstanceOf(SimdgresError)
    expect(explained).toMatchObject({ code, cause: failure })
    expect(explained!.message).toMatch(message)
    expect(explained!.hint).toMatch(/\.$/)
  })

  test('a worker out of memory', async () => {
    const worker = new Worker('const rows = []; for (;;) rows.push(new Array(1000).fill(0).map(String))', {
      eval: true,
      resourceLimits: { maxOldGenerationSizeMb: 8 },
    })
    const [failure] = await once(worker, 'error')
    expect(explainSystemLimit(failure)).toMatchObject({ code: 'ERR_RESOURCE' })
  })

  test('too many open files', () => {
    // In a process of its own, whose limit is low; the module is the built one.
    const script = `
      import { openSync } from 'node:fs'
      import { explainSystemLimit } from '#src/system/system-limit.js'
      const open = []
      try { for (;;) open.push(openSync('/dev/null', 'r')) }
      catch (error) { const { code, message } = explainSystemLimit(error); console.log(code, message) }`
    const limited = 'ulimit -n 60; exec "$0" --input-type=module --eval "$1"'
    const output = execFileSync('sh', ['-c', limited, process.execPath, script], { encoding: 'utf8' })
    expect(output).toMatch(/^ERR_RESOURCE Too many files are open \(EMFILE\).*\/dev\/null/)
  })

  test('one that is the cause of another, or one of several', async () => {
    const full = await failureOf(() => writeTo('/dev/full'))
    const wrapped = new Error('the run failed', { cause: new AggregateError([new Error('x'), full]) })
    expect(explainSystemLimit(wrapped)).toMatchObject({ code: 'ERR_RESOURCE', cause: full })
  })

  test('one that is explained already stays as it is', () => {
    const known = new SimdgresError('ERR_CORRUPT_DATA', 'x', 'y.')
    expect(explainSystemLimit(new Error('wrapped', { cause: known }))).toBe(known)
  })
})

describe('a defect of ours is not explained away', () => {
  const circle = new Error('round')
  circle.cause = circle
  test.each([
    ['a type error', () => (undefined as unknown as { x: number }).x],
    ['a length below zero', () => new Float32Array(-1)],
    ['a number out of range', () => (1).toFixed(200)],
    ['a wrong argument of Node', () => openSync(1 as unknown as string, 'no such flag')],
    ['a closed file', () => writeSync(9999, 'x')],
    ['causes in a circle', () => Promise.reject(circle)],
    ['a text', () => Promise.reject('text')],
  ])('%s', async (_what, action) => {
    const failure = await failureOf(action)
    expect(explainSystemLimit(failure)).toBeUndefined()
  })
})
