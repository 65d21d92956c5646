import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pack } from 'tar-stream'
import { describe, expect, test } from 'vitest'
import { connectEngine } from '#src/engine/engine.js'
import { baseRepository, findImageId } from '#src/engine/images/base-image.js'
import { originLabel } from '#src/engine/images/fresh-base.js'
import { contentLabel, ensureServiceImage } from '#src/engine/images/image.js'
import { removeUnusedImages } from '#src/engine/images/unused-images.js'
import { ownerLabels } from '#src/engine/owner.js'
import { silent } from '#src/progress.js'
import { titleWith } from '../skip-reasons.js'
import { findPrivateEngineProblem, PrivateEngine } from '../stack/private-engine.js'
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

const describeLabels = (labels: Record<string, string>): string =>
  `LABEL ${Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')}`

interface MadeImage {
  readonly id: string
  readonly layers: readonly Buffer[]
}

/** Loads an image of some bytes, made last year. @param name none for one that has lost it. @param on what it stands on. */
async function makeImage(
  name: string | undefined,
  labels: Record<string, string>,
  on?: MadeImage,
  to = engine,
): Promise<MadeImage> {
  const layers = [...(on?.layers ?? []), await archive({ [random()]: random() })]
  const config = JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    created: lastYear,
    config: { Labels: labels, Cmd: ['true'] },
    // Whoever made it, labels were the last step.
    history: layers.map((_, at) => ({
      created: lastYear,
      created_by: at < layers.length - 1 ? 'COPY' : describeLabels(labels),
    })),
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
  await buffer((await to.loadImage(Readable.from([whole]))) as Readable)
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

/** Of an engine of its own: two days from now, all that others build meanwhile would be old enough. */
const problem = findPrivateEngineProblem()

describe.skipIf(problem !== undefined)(titleWith(problem, 'images of a build in stages'), () => {
  const dockerfile = `
ARG BASE_IMAGE=none
FROM \${BASE_IMAGE} AS server
COPY part /server
FROM server AS builder
COPY part /built
FROM server AS final
COPY --from=builder /built /final
CMD ["true"]
`

  test('are removed with the stages that have no name, but not what somebody has made from them', async () => {
    await using machine = await PrivateEngine.create()
    const { docker } = machine
    const folder = await mkdtemp(join(tmpdir(), 'simdgres-stages-'))
    try {
      await writeFile(join(folder, 'Dockerfile'), dockerfile)
      await writeFile(join(folder, 'Dockerfile.dockerignore'), '')
      await writeFile(join(folder, 'part'), random())
      const origin = { [originLabel]: 'debian:trixie-slim' }
      const nameless = async (): Promise<string[]> => {
        const all = await docker.listImages({ filters: { dangling: ['true'] } })
        return all.map(({ Id }) => Id)
      }
      const build = async (BASE_IMAGE: string): Promise<string> => {
        await makeImage(BASE_IMAGE, origin, undefined, docker)
        const args = { BASE_IMAGE }
        const source = { context: folder, dockerfile: 'Dockerfile', target: 'final', args }
        const { signal } = new AbortController()
        return ensureServiceImage(docker, { image: 'simdgres-test/own:1', build: source }, silent, signal)
      }
      const dayMs = 86_400_000
      const bases = [10, 9, 8].map((days) => nameAt(Date.now() - days * dayMs)) as [string, string, string]
      const replaced = await build(bases[0])
      const gone = await build(bases[2])
      const current = await build(bases[1])
      await docker.getImage(gone).remove()
      const stages = (await nameless()).filter((id) => id !== replaced)
      expect(stages).toHaveLength(3)
      const theirs = await makeFrom(docker, 'simdgres-test/own:1')
      expect(await nameless()).toContain(theirs)

      // Young: neither image nor stage goes, but the base that only stages stand on loses its name.
      expect(await removeUnusedImages(docker, bases[1])).toEqual([bases[2]])
      const removed = await removeUnusedImages(docker, bases[1], Date.now() + 2 * dayMs)
      expect([...removed].sort()).toEqual([replaced, ...stages, bases[0]].sort())
      for (const id of [theirs, current, bases[1]]) expect(await docker.getImage(id).inspect()).toBeDefined()
      expect(await nameless()).toEqual([theirs])
    } finally {
      await rm(folder, { recursive: true })
    }
  }, 300_000)
})

/** An image without a name, as somebody makes it who goes on from ours. */
async function makeFrom(docker: typeof engine, name: string): Promise<string> {
  const context = await archive({ Dockerfile: `FROM ${name}\nCOPY Dockerfile /theirs\n` })
  const stream = await docker.buildImage(Readable.from([context]), {})
  const events = String(await buffer(stream as Readable))
  return /sha256:[0-9a-f]{64}/.exec(events)![0]
}
