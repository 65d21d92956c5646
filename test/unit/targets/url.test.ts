import { createServer, type Server } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { silent } from '#src/progress.js'
import { UrlTarget } from '#src/targets/url/url-target.js'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** A server that answers every first message with `reply`, or never. */
async function listen(reply?: string): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.on('data', () => {
      if (reply !== undefined) socket.end(reply)
    })
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}

const create = (url: string, signal = new AbortController().signal) =>
  new UrlTarget({ progress: silent, signal, url })

test('a server that is not there is named, its password is not', async () => {
  const port = await listen()
  servers.splice(0)[0]?.close()
  const error = await create(`postgres://ann:topsecret@127.0.0.1:${port}/d`)
    .deploy({})
    .catch((reason) => reason)
  expect(error).toMatchObject({ code: 'ERR_UNAVAILABLE' })
  expect(error.message).toContain(`127.0.0.1:${port}`)
  expect(`${error.message} ${error.stack}`).not.toContain('topsecret')
})

test('sslmode=require does not go on without encryption', async () => {
  const port = await listen('N')
  await expect(
    create(`postgres://ann:x@127.0.0.1:${port}/d?sslmode=require`).deploy({}),
  ).rejects.toMatchObject({
    code: 'ERR_UNAVAILABLE',
    message: expect.stringContaining('does not support SSL'),
  })
})

test('an abort ends the wait for a server that says nothing', async () => {
  const port = await listen()
  const controller = new AbortController()
  const deploying = create(`postgres://ann:x@127.0.0.1:${port}/d`, controller.signal).deploy({})
  controller.abort()
  await expect(deploying).rejects.toMatchObject({ code: 'ERR_ABORTED' })
})

test.each([
  { parameters: { work_mem: '1MB' } },
  { memoryBytes: 2 ** 30 },
  { pgMajor: 17 },
  { port: 5433 },
  { isa: 'scalar' },
])('refuses the setting %o, which it could not apply', async (settings) => {
  await expect(create('postgres://ann@127.0.0.1/d').deploy(settings)).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringContaining(Object.keys(settings)[0]!),
  })
})

test('needs a URL', () => {
  expect(() => new UrlTarget({ progress: silent, signal: new AbortController().signal })).toThrow(
    /URL of the server/,
  )
})
