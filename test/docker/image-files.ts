import { Readable } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import type Docker from 'dockerode'
import { extract, type Header } from 'tar-stream'

export interface ImageFile {
  /** From the root, without a slash in front. */
  readonly path: string
  readonly header: Header
  readonly content: Buffer
}

/**
 * Files and folders of an image as its layers have them: a container of it would also have those that the engine makes. A
 * file of two layers is there twice.
 */
export async function readImageFiles(engine: Docker, name: string): Promise<ImageFile[]> {
  const archive = await readTar(await engine.getImage(name).get())
  const manifest = archive.find(({ path }) => path === 'manifest.json')
  if (manifest === undefined) throw new Error(`${name} was saved without a manifest`)
  const [{ Layers }] = JSON.parse(manifest.content.toString('utf8')) as [{ Layers: string[] }]
  const files: ImageFile[] = []
  for (const layer of Layers) {
    const { content } = archive.find(({ path }) => path === layer)!
    const isCompressed = content[0] === 0x1f && content[1] === 0x8b
    files.push(...(await readTar(Readable.from([isCompressed ? gunzipSync(content) : content]))))
  }
  return files
}

async function readTar(stream: NodeJS.ReadableStream): Promise<ImageFile[]> {
  const files: ImageFile[] = []
  for await (const entry of stream.pipe(extract())) {
    const chunks: Buffer[] = []
    for await (const chunk of entry) chunks.push(chunk as Buffer)
    const path = entry.header.name.replace(/^\.?\/|\/$/g, '')
    files.push({ path, header: entry.header, content: Buffer.concat(chunks) })
  }
  return files
}
