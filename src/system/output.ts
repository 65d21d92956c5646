import { fstat, write } from 'node:fs'
import { constants, lstat, open, readlink, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { invalidArgument, SimdgresError } from '../errors.js'
import { errnoOf } from './storage-error.js'

/** Where bytes go that are written to a path: a file, which can be replaced as a whole, or a device or pipe. */
export type Output =
  /** `path` has no links in it, so that what is renamed to it replaces the file and not the link. */
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'device'; readonly path: string }
  /** A file, pipe or terminal that this process has been given, as /dev/stdout and `>(program)` of a shell name it. */
  | { readonly kind: 'descriptor'; readonly descriptor: number }

/** As many links in a row as Linux follows. */
const mostLinks = 40
const statDescriptor = promisify(fstat)
const writeSome = promisify(write)

const descriptorFolders = new RegExp(`^(/proc/${process.pid}|/dev)/fd$`)

/** How long a pipe that nobody reads yet is waited for: a shell starts both ends in milliseconds. */
const readerWaitMs = 3_000
/** Nothing tells a writer that a pipe has got its first reader. */
const readerPollMs = 50

/**
 * What `path` leads to; `-` is stdout. Nothing has to be there yet.
 * @throws SimdgresError ERR_INVALID_ARGUMENT (as rejection) for a disk or a socket.
 */
export async function resolveOutput(path: string): Promise<Output> {
  if (path === '-') return { kind: 'descriptor', descriptor: 1 }
  let place = path
  for (let links = 0; links <= mostLinks; links++) {
    const folder = await realpath(dirname(place)).catch(() => dirname(resolve(place)))
    const name = basename(place)
    if (descriptorFolders.test(folder) && /^\d+$/.test(name)) {
      return { kind: 'descriptor', descriptor: Number(name) }
    }
    place = join(folder, name)
    const found = await lstat(place).catch(() => undefined)
    if (found?.isCharacterDevice() || found?.isFIFO()) return { kind: 'device', path: place }
    if (found?.isBlockDevice() || found?.isSocket()) {
      const what = found.isSocket() ? 'a socket' : 'a disk'
      throw invalidArgument('an output', 'a file, a device or a pipe', path, `It is ${what}: name a file.`)
    }
    if (!found?.isSymbolicLink()) return { kind: 'file', path: place }
    place = resolve(folder, await readlink(place))
  }
  // Links in a circle: writing will say so.
  return { kind: 'file', path }
}

/** Whether both lead to the same file, device or pipe. */
export async function isSameOutput(a: Output, b: Output): Promise<boolean> {
  if (a.kind === 'descriptor' && b.kind === 'descriptor' && a.descriptor === b.descriptor) return true
  if (a.kind !== 'descriptor' && b.kind !== 'descriptor' && a.path === b.path) return true
  const [one, other] = await Promise.all([identify(a), identify(b)])
  return one !== undefined && one === other
}

async function identify(output: Output): Promise<string | undefined> {
  const found = await (output.kind === 'descriptor'
    ? statDescriptor(output.descriptor, { bigint: true })
    : stat(output.path, { bigint: true })
  ).catch(() => undefined)
  return found && `${found.dev}:${found.ino}`
}

/**
 * Writes `parts` into a device, a pipe or a descriptor, which stays what and where it is.
 * @throws SimdgresError ERR_UNAVAILABLE (as rejection) for a pipe that nobody reads; errors of the system as they are.
 */
export async function writeInto(
  output: Exclude<Output, { kind: 'file' }>,
  parts: readonly Uint8Array[],
): Promise<void> {
  if (output.kind === 'descriptor') {
    for (const bytes of parts) await writeToDescriptor(output.descriptor, bytes)
    return
  }
  const handle = await openDevice(output.path)
  try {
    for (const bytes of parts) await handle.writeFile(bytes)
  } finally {
    await handle.close()
  }
}

async function writeToDescriptor(descriptor: number, bytes: Uint8Array): Promise<void> {
  // These two streams may hold text that has not been written yet.
  const stream = descriptor === 1 ? process.stdout : descriptor === 2 ? process.stderr : undefined
  if (stream) {
    await new Promise<void>((done, fail) => stream.write(bytes, (error) => (error ? fail(error) : done())))
    return
  }
  for (let done = 0; done < bytes.length; ) {
    done += (await writeSome(descriptor, bytes, done)).bytesWritten
  }
}

/** Opening a pipe that nobody reads would wait for ever and could not be interrupted. */
async function openDevice(path: string) {
  const deadline = performance.now() + readerWaitMs
  for (;;) {
    try {
      const probe = await open(path, constants.O_WRONLY | constants.O_NONBLOCK)
      // A reader is there: now it opens at once, and writes wait where the reader is slow.
      return await open(path, constants.O_WRONLY).finally(() => probe.close())
    } catch (error) {
      if (errnoOf(error) !== 'ENXIO') throw error
      if (performance.now() > deadline) {
        throw new SimdgresError(
          'ERR_UNAVAILABLE',
          `Nobody reads the pipe ${path}`,
          `Start its reader first: cat ${path} > FILE.`,
          { cause: error },
        )
      }
      await pause(readerPollMs)
    }
  }
}
