import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { throwIfAborted } from '../../errors.js'
import type { Progress } from '../../progress.js'
import { toStorageError } from '../../system/storage-error.js'
import { downloadPackage, noteDownload, type PackagePin } from './npm-package.js'
import { unpackTarball } from './tarball.js'

/**
 * Installs the pinned packages into `folder`/node_modules, where a `require` from `folder` finds them. Their dependencies
 * are not installed, and none of their scripts run. A package that is already there is left alone. Rejects as
 * `downloadPackage` does.
 */
export async function installPackages(
  name: string,
  pins: readonly PackagePin[],
  folder: string,
  progress: Progress,
  signal: AbortSignal | undefined,
): Promise<void> {
  const place = (pin: PackagePin) => join(folder, 'node_modules', pin.name)
  const missing: PackagePin[] = []
  for (const pin of pins) if (!(await isThere(place(pin)))) missing.push(pin)
  if (missing.length === 0) return
  noteDownload(name, missing, progress)
  for (const pin of missing) {
    throwIfAborted(signal)
    await installPackage(pin, place(pin), folder, signal)
  }
}

/** Unpacks elsewhere and renames into place, so that a package that is there is complete. */
async function installPackage(
  pin: PackagePin,
  place: string,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  let download: string | undefined
  try {
    download = await mkdtemp(join(folder, 'download-'))
    const tarball = await downloadPackage(pin, download, signal)
    const unpacked = join(download, 'unpacked')
    await unpackTarball(tarball, unpacked, signal)
    await mkdir(dirname(place), { recursive: true })
    await rename(join(unpacked, 'package'), place)
  } catch (error) {
    throw toStorageError(error, `installing ${pin.name} into ${folder}`)
  } finally {
    if (download !== undefined) await rm(download, { recursive: true, force: true })
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}
