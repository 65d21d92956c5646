// Connects a socket of a folder to a port of the loopback: forward.mjs PATH PORT. Both sides end together.
import { rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'

const [path, port] = process.argv.slice(2)
rmSync(path, { force: true })
createServer((client) => {
  const server = connect(Number(port), '127.0.0.1')
  for (const [one, other] of [
    [client, server],
    [server, client],
  ]) {
    one.on('error', () => undefined)
    one.on('close', () => other.destroy())
    one.pipe(other)
  }
}).listen(path)
