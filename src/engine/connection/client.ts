import { createRequire, Module } from 'node:module'
import type DockerClient from 'dockerode'

const require = createRequire(import.meta.url)

/**
 * The client of the engine. It loads an SSH client, and gRPC for BuildKit's sessions, before it is asked for either: a third
 * of a second of a processor in every command. Here the SSH client is loaded where an engine is reached by it, and gRPC
 * not at all: our builds have no session.
 */
export const Docker: typeof DockerClient = loadClient()

function loadClient(): typeof DockerClient {
  const client = createRequire(require.resolve('dockerode'))
  const modem = createRequire(client.resolve('docker-modem'))
  const stands = [
    standInFor(client, '@grpc/grpc-js', {}),
    standInFor(client, '@grpc/proto-loader', {}),
    standInFor(modem, 'ssh2', {
      Client: function connectLater() {
        const { Client } = modem('ssh2') as { Client: new () => object }
        return new Client()
      },
    }),
  ]
  try {
    return client('dockerode') as typeof DockerClient
  } finally {
    // Whoever else asks for them gets them.
    for (const path of stands) if (path !== undefined) delete require.cache[path]
  }
}

/** Puts `exports` in the place of a package that is not loaded yet. Returns the entry to take back, if there is one. */
function standInFor(from: NodeJS.Require, name: string, exports: object): string | undefined {
  let path: string
  try {
    path = from.resolve(name)
  } catch {
    // Another version of the client may do without it.
    return undefined
  }
  if (require.cache[path] !== undefined) return undefined
  require.cache[path] = Object.assign(new Module(path), { filename: path, exports, loaded: true })
  return path
}
