import { spawn } from 'node:child_process'
import { createReadStream, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import type Docker from 'dockerode'
import { SimdgresError, throwIfAborted } from '../../errors.js'
import type { Progress } from '../../progress.js'
import { cacheFolder } from '../../system/cache-folder.js'
import { findProgram } from '../../system/program.js'
import { describeEngineError, engineError, followStream, isStatus } from '../engine.js'
import { findRegistryLogin } from './registry-login.js'

/** The one base image that can be made here, from the distribution's own archive. */
export const makeableImage = 'debian:trixie-slim'
const suite = 'trixie'
export const baseRepository = 'simdgres/base'
/**
 * Kept in the image, and so for whatever is installed into it, as in the one of a registry: nothing that only people
 * read, and no wait for the disk after each file of a package, as an image is written whole or not at all.
 */
const slimOptions = [
  ...['doc', 'info', 'locale', 'man'].map((folder) => `path-exclude=/usr/share/${folder}/*`),
  'path-include=/usr/share/doc/*/copyright',
  'force-unsafe-io',
]
/** In seconds. A fresh machine often upgrades itself in its first minutes and holds the lock for that long. */
const waitForLock = ['-o', 'DPkg::Lock::Timeout=300']

/** Whether `makeFreshBase` made it: no registry has it. */
export function isFreshBase(name: string): boolean {
  return name.startsWith(`${baseRepository}:`)
}

/**
 * Makes sure that the engine has the base image: pulls it, or, if no image registry answers, makes it from the
 * distribution's archive under the same name.
 * @returns its id.
 * @throws ERR_UNAVAILABLE where it can be neither pulled nor made.
 */
export async function ensureBaseImage(
  engine: Docker,
  name: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<string> {
  const present = await findImageId(engine, name)
  if (present !== undefined) return present
  if (isFreshBase(name)) {
    throw new SimdgresError(
      'ERR_UNAVAILABLE',
      `The base image ${name}, which was made on this machine, was removed`,
      'Make another one: simdgres up. Or put another image into .env: simdgres up --set BASE_IMAGE=<image>.',
    )
  }
  const pullProblem = await pullImage(engine, name, progress, signal)
  if (pullProblem !== undefined) {
    if (name !== makeableImage) {
      throw new SimdgresError(
        'ERR_UNAVAILABLE',
        `The base image ${name} cannot be pulled: ${pullProblem}`,
        describePullCure(name),
      )
    }
    progress.note(`${name} cannot be pulled (${pullProblem}); making it from the distribution's archive`)
    await makeImage(engine, name, pullProblem, progress, signal)
  }
  return (await engine.getImage(name).inspect()).Id
}

export async function findImageId(engine: Docker, name: string): Promise<string | undefined> {
  try {
    return (await engine.getImage(name).inspect()).Id
  } catch (error) {
    if (isStatus(error, 404)) return undefined
    throw engineError(error, `looking for the image ${name}`)
  }
}

/** @returns why it cannot be pulled; undefined where it was. */
export async function pullImage(
  engine: Docker,
  name: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const { login } = findRegistryLogin(name)
    const stream = await engine.pull(name, { abortSignal: signal, ...(login && { authconfig: login }) })
    await followStream(
      engine,
      stream,
      ({ id, progressDetail }) => {
        if (progressDetail?.total === undefined) return
        progress.step(`pulling ${name} ${id ?? ''}`, progressDetail.current ?? 0, progressDetail.total)
      },
      signal,
    )
    return undefined
  } catch (error) {
    throwIfAborted(signal)
    return describeEngineError(error)
  }
}

/** The docker command can ask a credential helper for the login, and the build finds whatever it has pulled. */
function describePullCure(name: string): string {
  const { login, helper } = findRegistryLogin(name)
  const use = `use BASE_IMAGE=${makeableImage}`
  if (login) return `Check the login (docker login), load it with docker load, or ${use}.`
  if (helper === undefined) return `Log in (docker login), load it with docker load, or ${use}.`
  return `The login is kept by ${helper}, which only docker asks: run docker pull ${name} first, or ${use}.`
}

async function makeImage(
  engine: Docker,
  name: string,
  pullProblem: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  await ensureBootstrapTool(name, pullProblem, progress, signal)
  const archive = resolve(cacheFolder('base-images'), `${suite}-${process.pid}.tar`)
  try {
    progress.note(`mmdebstrap --variant=minbase ${suite}`)
    await run(
      'mmdebstrap',
      ['--quiet', '--variant=minbase', ...slimOptions.map((option) => `--dpkgopt=${option}`), suite, archive],
      signal,
    )
    const stream = await engine.importImage(createReadStream(archive), {
      repo: name,
      changes: 'CMD ["bash"]',
      abortSignal: signal,
    })
    await followStream(engine, stream, () => undefined, signal)
  } catch (error) {
    throw engineError(error, `making the base image ${name}`, signal)
  } finally {
    rmSync(archive, { force: true })
  }
}

async function ensureBootstrapTool(
  name: string,
  pullProblem: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  if (findProgram('mmdebstrap') !== undefined) return
  const install = 'apt-get install -y --no-install-recommends mmdebstrap debian-archive-keyring'
  if (process.getuid?.() !== 0 || findProgram('apt-get') === undefined) {
    throw new SimdgresError(
      'ERR_UNAVAILABLE',
      `The base image ${name} cannot be pulled (${pullProblem}), and mmdebstrap, which could make it, is not installed`,
      `Run: sudo ${install}; or make ${name} available to the engine (docker pull, docker load).`,
    )
  }
  progress.note(install)
  await run('apt-get', [...waitForLock, 'update', '-qq'], signal)
  await run('apt-get', [...waitForLock, ...install.split(' ').slice(1)], signal)
}

/** Rejects with the last lines the command wrote if it fails. */
async function run(command: string, args: readonly string[], signal: AbortSignal): Promise<void> {
  throwIfAborted(signal)
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  // SIGTERM, not SIGKILL: the tool removes its temporary folder on its way out.
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], env: environment, signal })
  let output = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    output = (output + chunk).slice(-4000)
  })
  // On an abort this comes at once; `close` comes when the tool has cleaned up and ended.
  let failure: Error | undefined
  child.once('error', (error) => {
    failure = error
  })
  const code = await new Promise<number | null>((resolveExit) => child.once('close', resolveExit))
  if (failure) throw failure
  if (code === 0) return
  throw new SimdgresError(
    'ERR_UNAVAILABLE',
    `${command} ended with exit code ${code}: ${output.trim().split('\n').slice(-5).join('\n')}`,
    `Run it by hand to see more: ${command} ${args.join(' ')}`,
  )
}
