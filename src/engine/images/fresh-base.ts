import { createHash } from 'node:crypto'
import type Docker from 'dockerode'
import { SimdgresError } from '../../errors.js'
import type { Progress } from '../../progress.js'
import { engineError, followStream, isStatus } from '../engine.js'
import { baseRepository, ensureBaseImage, isFreshBase, makeableImage, pullImage } from './base-image.js'
import { packBuildContext } from './build-context.js'
import { findBuildProxies } from './build-proxies.js'

/** What a fresh base was made from, so that the next one is made from the same and not from this one. */
export const originLabel = 'io.simdgres.base'
/**
 * Makes a base image in which all packages are of today. Every image of the stack is then built anew on it, with today's
 * packages too: the layers of the one before do not fit.
 * @param base in use now: of a distribution, or one that this made before. What one was made from that was removed is not known
 * any more: it is then the distribution's.
 * @returns its name.
 * @throws ERR_UNAVAILABLE where the distribution's archive cannot be reached.
 */
export async function makeFreshBase(
  engine: Docker,
  base: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<string> {
  const origin = (await readOrigin(engine, base)) ?? (isFreshBase(base) ? makeableImage : base)
  const problem = await pullImage(engine, origin, progress, signal)
  if (problem !== undefined)
    progress.note(`${origin} cannot be pulled (${problem}): its packages are upgraded`)
  await ensureBaseImage(engine, origin, progress, signal)
  const now = new Date().toISOString()
  const tag = `${baseRepository}:${now.slice(0, 19).replaceAll(/\D/g, '')}`
  // The time is in it, so that the engine does not take the result of an earlier day from its cache.
  const steps = [
    'export DEBIAN_FRONTEND=noninteractive',
    `: ${now}`,
    'apt-get update',
    'apt-get upgrade -y --no-install-recommends',
    'rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log',
  ]
  const dockerfile = `FROM ${origin}\nRUN ${steps.join(' && ')}\n`
  const file = { path: 'Dockerfile', content: Buffer.from(dockerfile), isExecutable: false }
  const hash = createHash('sha256').update(dockerfile).digest('hex')
  progress.note(`upgrading the packages of ${origin}`)
  let output = ''
  try {
    const stream = await engine.buildImage(packBuildContext({ files: [file], hash }), {
      t: tag,
      labels: { [originLabel]: origin },
      buildargs: findBuildProxies(progress),
      rm: true,
      forcerm: true,
      abortSignal: signal,
    })
    const onEvent = ({ stream: text = '' }: { readonly stream?: string }): void => {
      output = (output + text).slice(-2000)
    }
    await followStream(engine, stream, onEvent, signal)
    return tag
  } catch (error) {
    if (signal.aborted || (error as NodeJS.ErrnoException).code !== undefined) {
      throw engineError(error, `building the image ${tag}`, signal)
    }
    throw new SimdgresError(
      'ERR_UNAVAILABLE',
      `The packages of ${origin} cannot be upgraded:\n${output.trim().split('\n').slice(-8).join('\n')}`,
      'Nothing was changed. See whether this machine reaches the archive of the distribution.',
      { cause: error },
    )
  }
}

async function readOrigin(engine: Docker, image: string): Promise<string | undefined> {
  try {
    return (await engine.getImage(image).inspect()).Config.Labels?.[originLabel]
  } catch (error) {
    if (isStatus(error, 404)) return undefined
    throw engineError(error, `looking for the image ${image}`)
  }
}

/** When the packages of an image were installed; undefined where its history does not say. In milliseconds since 1970. */
export async function readPackageTime(engine: Docker, imageId: string): Promise<number | undefined> {
  try {
    const history = (await engine.getImage(imageId).history()) as { CreatedBy?: string; Created: number }[]
    return findPackageTime(history)
  } catch (error) {
    if (isStatus(error, 404)) return undefined
    throw engineError(error, `reading the history of the image ${imageId}`)
  }
}

/** @param history the newest step first, with seconds since 1970, as the engine gives it. */
export function findPackageTime(
  history: readonly { readonly CreatedBy?: string; readonly Created: number }[],
): number | undefined {
  const step = history.find(({ CreatedBy = '' }) =>
    /-c sh \/tmp\/install-(server|packages)\.sh /.test(CreatedBy),
  )
  return step === undefined ? undefined : step.Created * 1000
}
