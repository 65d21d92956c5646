import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pack } from 'tar-stream'
import { expect, test } from 'vitest'
import { connectEngine } from '#src/engine/engine.js'
import { findImageId } from '#src/engine/images/base-image.js'
import { baseRepository, originLabel } from '#src/engine/images/fresh-base.js'
import { contentLabel } from '#src/engine/images/image.js'
import { removeUnusedImages } from '#src/engine/images/unused-images.js'
import { ownerLabels } from '#src/engine/owner.js'
import { describeWithEngine } from './sandbox.js'

const engine = connectEngine()
const lastYear = `${new Date().getFullYear() - 1}-01-02T03:04:05Z`
const random = (): string => String(Math.random()).slice(2)

/** Of a base, by the time at which it was made, in milliseconds since 1970. */
function nameAt(timeMs: number): string {
  return `${baseRepository}:${new Date(timeMs).toISOString().slice(0, 19).replaceAll(/\D/g, '')}`
}

async function archive(files: Readonly<Record<string, string | Buffer>>): Promise<Buffer> {
  const packed = pack()
  for (const [name, content] of Object.entries(files)) packed.entry({ name }, content)
  packed.finalize()
  return buffer(packed)
}

const digest = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex')

interface MadeImage {
  readonly id: string
  readonly layers: readonly Buffer[]
}

/** Loads an image of some bytes, made last year. @param name none for one that has lost it. @param on what it stands on. */
async function makeImage(
  name: string | undefined,
  labels: Record<string, string>,
  on?: MadeImage,
): Promise<MadeImage> {
  const layers = [...(on?.layers ?? []), await archive({ [random()]: random() })]
  const config = JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    created: lastYear,
    config: { Labels: labels, Cmd: ['true'] },
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => `sha256:${digest(layer)}`) },
  })
  const manifest = JSON.stringify([
    {
      Config: `${digest(config)}.json`,
      RepoTags: name === undefined ? null : [name],
      Layers: layers.map((layer) => `${digest(layer)}.tar`),
    },
  ])
  const files = Object.fromEntries(layers.map((layer) => [`${digest(layer)}.tar`, layer]))
  const whole = await archive({ ...files, [`${digest(config)}.json`]: config, 'manifest.json': manifest })
  await buffer((await engine.loadImage(Readable.from([whole]))) as Readable)
  return { id: `sha256:${digest(config)}`, layers }
}

await describeWithEngine('images that a rebuild has replaced', () => {
  test('are removed a day later, where no container and no image needs them, and nobody else made them', async () => {
    const origin = { [originLabel]: 'debian:trixie-slim' }
    const content = { [contentLabel]: random() }
    // A time of its own, so that two runs of this test do not meet.
    const old = nameAt(Date.UTC(2020, 0, 1) + Math.floor(Math.random() * 86_400) * 1000)
    const names = ['unused', 'stood on', 'run', 'kept', 'of somebody'].map((_, at) => {
      return `${old.slice(0, -1)}${at}`
    }) as [string, string, string, string, string]
    const [unused, stoodOn, run, kept, foreign] = names
    const young = nameAt(Date.now())
    const child = `simdgres-test/child:${random()}`
    await makeImage(unused, origin)
    await makeImage(child, {}, await makeImage(stoodOn, origin))
    const { id: runId } = await makeImage(run, origin)
    for (const name of [kept, young]) await makeImage(name, origin)
    await makeImage(foreign, {})
    const { id: nameless } = await makeImage(undefined, content)
    const { id: namelessRun } = await makeImage(undefined, content)
    const { id: namelessForeign } = await makeImage(undefined, { 'io.simdgres.other': random() })
    const containers = []
    for (const Image of [runId, namelessRun]) {
      containers.push(await engine.createContainer({ Image, Labels: ownerLabels() }))
    }
    try {
      const removed = await removeUnusedImages(engine, kept)
      expect(removed).toEqual(expect.arrayContaining([unused, nameless]))
      const stay = [stoodOn, run, kept, foreign, young, child, namelessRun, namelessForeign]
      for (const name of stay) expect(await findImageId(engine, name), name).toBeDefined()
      for (const name of [unused, nameless]) expect(await findImageId(engine, name), name).toBeUndefined()
    } finally {
      for (const container of containers) await container.remove()
      const all = [child, stoodOn, run, kept, foreign, young, namelessRun, namelessForeign]
      for (const name of all) await engine.getImage(name).remove()
    }
  })
})
