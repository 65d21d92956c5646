import { createServer } from 'node:net'
import { SimdgresError } from '../errors.js'

const host = '127.0.0.1'

/** Resolves with `port` if it is free on 127.0.0.1, or with any free one. ERR_RESOURCE if it is in use. */
export async function reservePort(port?: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (cause: NodeJS.ErrnoException) => reject(describeFailure(port, cause)))
    server.listen({ host, port: port ?? 0, exclusive: true }, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

function describeFailure(port: number | undefined, cause: NodeJS.ErrnoException): SimdgresError {
  if (cause.code === 'EADDRINUSE') {
    return new SimdgresError(
      'ERR_RESOURCE',
      `Port ${port} on ${host} is in use`,
      'Choose another port, leave the port out to get a free one, or stop the program that listens there.',
      { cause },
    )
  }
  const what = port === undefined ? 'No port' : `Port ${port}`
  return new SimdgresError(
    'ERR_RESOURCE',
    `${what} on ${host} can be opened (${cause.code ?? cause.message})`,
    'Choose a port above 1023, or leave it out to get a free one.',
    { cause },
  )
}
