import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'

/**
 * A package registry on the loopback interface that serves another tarball under a name and version, with a hash that
 * fits it: npm itself cannot notice. `url` is for npm's configuration.
 */
export async function startTamperingRegistry(
  name: string,
  version: string,
): Promise<{ url: string; server: Server }> {
  const tarball = await packFiles({ 'package/package.json': JSON.stringify({ name, version }) })
  const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`
  const server = createServer((request, response) => {
    const url = `http://${request.headers.host}`
    if (request.url?.endsWith('.tgz')) {
      response.end(tarball)
      return
    }
    const dist = { tarball: `${url}/${name}.tgz`, integrity }
    const versions = { [version]: { name, version, dist } }
    response.end(JSON.stringify({ name, 'dist-tags': { latest: version }, versions }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, server }
}

export async function packFiles(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const archive = pack()
  for (const [name, content] of Object.entries(files)) archive.entry({ name }, content)
  archive.finalize()
  return gzipSync(await buffer(archive as typeof archive & AsyncIterable<Uint8Array>))
}
