import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { Docker } from '#src/engine/connection/client.js'

const { cache } = createRequire(import.meta.url)
const isLoaded = (name: string): boolean =>
  Object.keys(cache).some((path) => path.includes(`/node_modules/${name}/`))

test('the client of the engine loads no gRPC, and SSH where an engine is reached by it', async () => {
  const local = new Docker({ socketPath: '/no/such.sock' })
  await expect(local.ping()).rejects.toMatchObject({ code: 'ENOENT' })
  expect(['ssh2', '@grpc/grpc-js'].filter(isLoaded)).toEqual([])

  // Nothing listens there; the message is that of the real SSH client.
  const remote = new Docker({ protocol: 'ssh', host: '127.0.0.1', port: 1, username: 'nobody' })
  await expect(remote.ping()).rejects.toThrow(/ECONNREFUSED/)
  expect(['ssh2', '@grpc/grpc-js'].filter(isLoaded)).toEqual(['ssh2'])
})
