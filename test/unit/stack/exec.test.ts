import { once } from 'node:events'
import { createConnection, createServer, type Socket } from 'node:net'
import { PassThrough, Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { watchForEnd } from '#src/engine/end-watch.js'
import { converse } from '#src/engine/exec.js'

/** As the engine sends it: type of the stream, three bytes of padding, length, text. */
function frame(type: number, text: string): Buffer {
  const header = Buffer.alloc(8)
  header[0] = type
  header.writeUInt32BE(Buffer.byteLength(text), 4)
  return Buffer.concat([header, Buffer.from(text)])
}

/** Both ends of a connection: ours, and the one that an engine would hold. */
async function connectPair(): Promise<{ ours: Socket; engine: Socket; close: () => void }> {
  const server = createServer({ allowHalfOpen: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const ours = createConnection({ port, host: '127.0.0.1' })
  const [engine] = (await once(server, 'connection')) as [Socket]
  engine.on('error', () => undefined)
  const close = (): void => {
    ours.destroy()
    engine.destroy()
    server.close()
  }
  return { ours, engine, close }
}

describe('a command in a container', () => {
  let pair: Awaited<ReturnType<typeof connectPair>>
  beforeEach(async () => {
    pair = await connectPair()
  })
  afterEach(() => pair.close())
  const { signal } = new AbortController()

  it('gets its input, and both of its outputs come back', async () => {
    const received: Buffer[] = []
    pair.engine.on('data', (chunk: Buffer) => received.push(chunk))
    pair.engine.on('end', () => pair.engine.end(Buffer.concat([frame(1, 'out'), frame(2, 'err')])))
    const stdin = Readable.from([Buffer.from('some '), Buffer.from('input')])
    expect(await converse(pair.ours, { stdin, signal })).toEqual({ stdout: 'out', stderr: 'err' })
    expect(Buffer.concat(received).toString()).toBe('some input')
  })

  it('that ends while its input is still open is over', async () => {
    const stdin = new PassThrough()
    const talk = converse(pair.ours, { stdin, signal })
    stdin.write('SELECT 1 / 0;\n')
    await once(pair.engine, 'data')
    pair.engine.end(frame(2, 'division by zero'))
    expect((await talk).stderr).toBe('division by zero')
    // What is written afterwards goes nowhere, and harms nobody.
    stdin.write('SELECT 1;\n')
    stdin.end()
  })

  it('that does not read what it is sent is over when it ends', async () => {
    pair.engine.pause()
    const endless = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(1 << 20)
      })(),
    )
    const talk = converse(pair.ours, { stdin: endless, signal })
    setTimeout(() => pair.engine.end(frame(2, 'no')), 50)
    expect((await talk).stderr).toBe('no')
  }, 10_000)

  it('that is over is over, although the engine leaves its stream open', async () => {
    pair.engine.write(frame(1, 'all it had to say'))
    const stopWatch = watchForEnd(pair.ours, async () => true, 2000)
    const talk = converse(pair.ours, { signal }).finally(stopWatch)
    expect((await talk).stdout).toBe('all it had to say')
  }, 10_000)

  it('that has ended is not cut off while a busy engine still delivers what it wrote', async () => {
    const stopWatch = watchForEnd(pair.ours, async () => true, 3000)
    const talk = converse(pair.ours, { signal }).finally(stopWatch)
    // Nothing for longer than two checks, twice.
    setTimeout(() => pair.engine.write(frame(1, 'the first half, ')), 2500)
    setTimeout(() => pair.engine.end(frame(1, 'the second half')), 5000)
    expect((await talk).stdout).toBe('the first half, the second half')
  }, 15_000)

  it('that runs is waited for', async () => {
    let looks = 0
    const stopWatch = watchForEnd(pair.ours, async () => {
      looks++
      return false
    })
    const talk = converse(pair.ours, { signal }).finally(stopWatch)
    setTimeout(() => pair.engine.end(frame(1, 'late')), 3500)
    expect((await talk).stdout).toBe('late')
    expect(looks).toBeGreaterThanOrEqual(3)
  }, 10_000)
})
