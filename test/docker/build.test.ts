import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadServerAlone } from '#src/config/stack.js'
import { connectEngine } from '#src/engine/engine.js'
import { ensureBaseImage, findImageId } from '#src/engine/images/base-image.js'
import { readBuildContext } from '#src/engine/images/build-context.js'
import { makeFreshBase } from '#src/engine/images/fresh-base.js'
import { ensureServiceImage, findCurrentImage } from '#src/engine/images/image.js'
import { imageOf, removeImageOf } from '#src/gate/commits/build-images.js'
import type { Progress } from '#src/progress.js'
import { silent } from '#src/progress.js'
import { DockerTarget } from '#src/targets/docker/docker-target.js'
import { until } from '../stack/until.js'
import { describeWithEngine, queryOnce } from './sandbox.js'

const engine = connectEngine()
const never = new AbortController().signal

function serviceOf(pgMajor: number) {
  return loadServerAlone({ overrides: { PG_MAJOR: String(pgMajor) } })
}

describe('a build context', () => {
  let folder: string
  const write = (path: string, content: string): void => {
    mkdirSync(join(folder, path, '..'), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  const list = (): string[] => readBuildContext(folder, 'Dockerfile').files.map(({ path }) => path)

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'simdgres-context-'))
    for (const path of [
      'Dockerfile',
      'a/one.c',
      'a/deep/two.c',
      'a/deep/skip.o',
      'b/three.c',
      'node_modules/x/y.js',
    ]) {
      write(path, path)
    }
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  test('holds what the ignore file lets through', () => {
    write('Dockerfile.dockerignore', '# everything but\n*\n!Dockerfile\n!a\n**/*.o\n')
    expect(list()).toEqual(['Dockerfile', 'a/deep/two.c', 'a/one.c'])
    write('Dockerfile.dockerignore', 'node_modules\n')
    expect(list()).toContain('a/deep/skip.o')
    expect(list()).not.toContain('node_modules/x/y.js')
  })

  test('has a hash of names and contents, and of nothing else', () => {
    write('Dockerfile.dockerignore', '*\n!a\n')
    const { hash } = readBuildContext(folder, 'Dockerfile')
    write('b/three.c', 'changed, but ignored')
    write('a/one.c', 'a/one.c')
    expect(readBuildContext(folder, 'Dockerfile').hash).toBe(hash)
    write('a/one.c', 'changed')
    expect(readBuildContext(folder, 'Dockerfile').hash).not.toBe(hash)
  })
})

await describeWithEngine('building the image', () => {
  test('is not done a second time', async () => {
    const service = serviceOf(17)
    const first = await ensureServiceImage(engine, service, silent, never)
    const notes: string[] = []
    const progress: Progress = { note: (text) => notes.push(text), step: (label) => notes.push(label) }
    expect(await ensureServiceImage(engine, service, progress, never)).toBe(first)
    expect(notes).toEqual([])
  })

  test('that fails shows the last lines of the step', async () => {
    const build = ensureServiceImage(engine, serviceOf(14), silent, never)
    await expect(build).rejects.toMatchObject({
      code: 'ERR_UNAVAILABLE',
      message: expect.stringMatching(
        /Step \d+\/\d+ : RUN[\s\S]*PG_MAJOR=14 is not supported\. Use 15, 16, 17 or 18\./,
      ),
    })
    expect(await findImageId(engine, 'simdgres/postgres:14')).toBeUndefined()
    expect(await listBuildContainers(14)).toEqual([])
  })

  test('that is aborted in a step leaves no container', async () => {
    const controller = new AbortController()
    const service = serviceOf(17)
    const slow = {
      ...service,
      image: 'simdgres-test:aborted',
      build: { ...service.build, args: { ...service.build.args, PG_MAJOR: '16' } },
    }
    const build = ensureServiceImage(engine, slow, silent, controller.signal)
    const outcome = expect(build).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    await until(
      async () => (await listBuildContainers(16)).length > 0,
      300_000,
      'the build has begun a step',
      50,
    )
    controller.abort()
    await outcome
    // The engine ends the step after the connection is closed.
    await until(async () => (await listBuildContainers(16)).length === 0, 60_000, 'the step is ended')
    expect(await findImageId(engine, slow.image)).toBeUndefined()
  })

  test('for a commit of a comparison goes with its build, unless a container has it', async () => {
    const id = await ensureServiceImage(engine, serviceOf(17), silent, never)
    const [gone, used, unknown] = ['a', 'b', 'c'].map((digit) => digit.repeat(40)) as [string, string, string]
    const source = await engine.createContainer({ Image: id, Cmd: ['true'] })
    try {
      for (const name of [gone, used].map(imageOf)) {
        const [repo = '', tag = ''] = name.split(':')
        await source.commit({ repo, tag })
      }
    } finally {
      await source.remove()
    }
    const container = await engine.createContainer({ Image: imageOf(used), Cmd: ['true'] })
    try {
      const problems = [await removeImageOf(gone), await removeImageOf(used), await removeImageOf(unknown)]
      expect(await findImageId(engine, imageOf(gone))).toBeUndefined()
      expect(await findImageId(engine, imageOf(used))).toBeDefined()
      expect(problems).toEqual([
        undefined,
        expect.stringContaining(`The image ${imageOf(used)} stays: `),
        undefined,
      ])
    } finally {
      await container.remove()
      expect(await removeImageOf(used)).toBeUndefined()
      expect(await findImageId(engine, imageOf(used))).toBeUndefined()
    }
  })

  test('names a base image that cannot be had', async () => {
    const name = 'simdgres-test/no-such-image:1'
    await expect(ensureBaseImage(engine, name, silent, never)).rejects.toMatchObject({
      code: 'ERR_UNAVAILABLE',
      message: expect.stringContaining(name),
    })
  })

  test('names the way to another base where a fresh one was removed', async () => {
    await expect(
      ensureBaseImage(engine, 'simdgres/base:20200101000000', silent, never),
    ).rejects.toMatchObject({
      code: 'ERR_UNAVAILABLE',
      hint: expect.stringMatching(/simdgres up\./),
    })
  })

  test('on a fresh base is due for what was built already, and that base knows what it was made from', async () => {
    const service = serviceOf(17)
    await ensureServiceImage(engine, service, silent, never)
    const base = await makeFreshBase(engine, 'debian:trixie-slim', silent, never)
    try {
      const { RootFS, Config } = await engine.getImage(base).inspect()
      const origin = await engine.getImage('debian:trixie-slim').inspect()
      expect(RootFS.Layers?.slice(0, -1)).toEqual(origin.RootFS.Layers)
      expect(Config.Labels['io.simdgres.base']).toBe('debian:trixie-slim')
      const { build } = service
      const args = { ...build.args, BASE_IMAGE: base }
      expect(await findCurrentImage(engine, service)).toBeDefined()
      expect(await findCurrentImage(engine, { ...service, build: { ...build, args } })).toBeUndefined()
    } finally {
      await engine.getImage(base).remove()
    }
  })

  test('works for PostgreSQL 18', { timeout: 1_200_000 }, async () => {
    const target = new DockerTarget({ progress: silent, signal: never })
    try {
      const connection = await target.deploy({ pgMajor: 18 })
      expect(String((await queryOnce(connection, 'SHOW server_version'))[0]![0])).toMatch(/^18\./)
      const [[ours, theirs]] = (await queryOnce(
        connection,
        `SELECT simd_l2_distance('[1,2,3]'::vector, '[4,6,3]'::vector), '[1,2,3]'::vector <-> '[4,6,3]'::vector`,
      )) as [[number, number]]
      expect([ours, theirs]).toEqual([5, 5])
    } finally {
      await target.stop()
    }
  })
})

/** Containers in which the engine runs the package step of a build for this major version. */
async function listBuildContainers(pgMajor: number): Promise<string[]> {
  const steps = (await engine.listContainers({ all: true })).filter(({ Command }) =>
    Command.includes('install-server.sh'),
  )
  const ids: string[] = []
  for (const { Id } of steps) {
    // Gone meanwhile: not one that was left.
    const details = await engine
      .getContainer(Id)
      .inspect()
      .catch(() => undefined)
    if (details?.Config.Env.some((entry) => entry.includes(`/postgresql/${pgMajor}/bin`))) ids.push(Id)
  }
  return ids
}
