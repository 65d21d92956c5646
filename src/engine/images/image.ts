import { createHash } from 'node:crypto'
import { join, resolve } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import type Docker from 'dockerode'
import type { ComposeService } from '../../config/compose-schema.js'
import { dockerFolder } from '../../config/stack.js'
import { SimdgresError, throwIfAborted } from '../../errors.js'
import type { Progress } from '../../progress.js'
import { cacheFolder } from '../../system/cache-folder.js'
import { withLock } from '../../system/file-lock.js'
import { engineError, followStream, isStatus } from '../engine.js'
import { ensureBaseImage, findImageId } from './base-image.js'
import { findUsedArguments } from './build-arguments.js'
import { type BuildContext, packBuildContext, readBuildContext } from './build-context.js'
import { findBuildProxies } from './build-proxies.js'
import { labelStages } from './stage-labels.js'

/** Label with the hash over everything that goes into the image. */
export const contentLabel = 'io.simdgres.content'
/** What of a service says how its image is made. */
export type ImageSource = Pick<ComposeService, 'image' | 'build'>

/** Enough to show the command that failed and the tool's message. */
const shownErrorLines = 20

/**
 * Makes sure that the engine has the service's image, built from the present sources. Only one process of this machine
 * builds at a time: the next one finds the finished image, or at least its layers.
 * @returns its id.
 * @throws ERR_UNAVAILABLE with the failing step's last lines.
 */
export async function ensureServiceImage(
  engine: Docker,
  service: ImageSource,
  progress: Progress,
  signal: AbortSignal,
): Promise<string> {
  const current = await findCurrentImage(engine, service)
  if (current !== undefined) return current
  return withLock(join(cacheFolder('images'), 'lock'), signal, async () => {
    return (await findCurrentImage(engine, service)) ?? buildImage(engine, service, progress, signal)
  })
}

async function buildImage(
  engine: Docker,
  service: ImageSource,
  progress: Progress,
  signal: AbortSignal,
): Promise<string> {
  const { build, image: tag } = service
  const baseId = await ensureBaseImage(engine, baseNameOf(service), progress, signal)
  const context = readServiceContext(service)
  const content = hashContent(context, service, baseId)
  progress.note(`building the image ${tag}`)
  try {
    const stream = await engine.buildImage(packBuildContext(withStageLabels(context, build.dockerfile)), {
      t: tag,
      dockerfile: build.dockerfile,
      target: build.target,
      // Not in the hash above: an image built behind a proxy is the same image.
      buildargs: { ...findBuildProxies(progress), ...build.args },
      labels: { [contentLabel]: content },
      rm: true,
      // A failed build leaves no container behind either.
      forcerm: true,
      abortSignal: signal,
    })
    await followBuild(engine, stream, tag, progress, signal)
    return (await engine.getImage(tag).inspect()).Id
  } catch (error) {
    throw engineError(error, `building the image ${tag}`, signal)
  }
}

/** Its hash stays: the labels make no other image. */
function withStageLabels({ files, hash }: BuildContext, dockerfile: string): BuildContext {
  const labelled = files.map((file) =>
    file.path === dockerfile ? { ...file, content: Buffer.from(labelStages(file.content.toString())) } : file,
  )
  return { files: labelled, hash }
}

/** The id of an image that is there. @throws ERR_UNAVAILABLE where it is not. */
export async function findServiceImage(engine: Docker, name: string): Promise<string> {
  const id = await findImageId(engine, name)
  if (id !== undefined) return id
  throw new SimdgresError('ERR_UNAVAILABLE', `The engine has no image ${name}`, 'Build or load it first.')
}

/** The id of the service's image if it was built from the present sources, else undefined. Builds nothing. */
export async function findCurrentImage(engine: Docker, service: ImageSource): Promise<string | undefined> {
  const baseId = await findImageId(engine, baseNameOf(service))
  if (baseId === undefined) return undefined
  return findUpToDate(engine, service.image, hashContent(readServiceContext(service), service, baseId))
}

function baseNameOf({ build }: ImageSource): string {
  return build.args['BASE_IMAGE'] ?? 'debian:trixie-slim'
}

function readServiceContext({ build }: ImageSource): BuildContext {
  return readBuildContext(resolve(dockerFolder, build.context), build.dockerfile)
}

/** An argument that makes no difference is left out: stacks of several major versions share the images of other services. */
function hashContent(context: BuildContext, { build }: ImageSource, baseId: string): string {
  const dockerfile = context.files.find(({ path }) => path === build.dockerfile)?.content.toString() ?? ''
  const used = findUsedArguments(dockerfile, build.target)
  const args = Object.fromEntries(Object.entries(build.args).filter(([name]) => used.has(name)))
  return createHash('sha256')
    .update(JSON.stringify([context.hash, { ...build, args }, baseId]))
    .digest('hex')
}

async function findUpToDate(engine: Docker, tag: string, content: string): Promise<string | undefined> {
  try {
    const { Id, Config } = await engine.getImage(tag).inspect()
    return Config.Labels?.[contentLabel] === content ? Id : undefined
  } catch (error) {
    if (isStatus(error, 404)) return undefined
    throw engineError(error, `looking for the image ${tag}`)
  }
}

async function followBuild(
  engine: Docker,
  stream: NodeJS.ReadableStream,
  tag: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  let output = ''
  let step = ''
  const onEvent = ({ stream: text }: { readonly stream?: string }): void => {
    if (text === undefined) return
    output = (output + text).slice(-20_000)
    const match = /^Step (\d+)\/(\d+) : (.*)/.exec(text)
    if (!match) return
    step = match[0]
    output = ''
    progress.step(`building ${tag}`, Number(match[1]), Number(match[2]))
  }
  try {
    await followStream(engine, stream, onEvent, signal)
  } catch (error) {
    throwIfAborted(signal)
    if ((error as NodeJS.ErrnoException).code !== undefined) throw error
    // The engine colours what a step wrote to stderr.
    const lines = stripVTControlCharacters(output).trim().split('\n')
    throw new SimdgresError(
      'ERR_UNAVAILABLE',
      [
        `The image ${tag} cannot be built; the step that failed:`,
        step,
        ...lines.slice(-shownErrorLines),
      ].join('\n'),
      'Correct what the last lines say; finished steps are kept and not done again.',
      { cause: error },
    )
  }
}
