import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import { tempFolder } from './temp-folder.js'

const mounted: string[] = []
const isRoot = process.getuid?.() === 0

/** Mounting needs root; elsewhere sudo is tried, which continuous integration has. */
function asRoot(command: string, ...args: string[]): void {
  const [file, ...rest] = isRoot ? [command, ...args] : ['sudo', '-n', command, ...args]
  execFileSync(file!, rest, { stdio: 'pipe' })
}

/** Found by trying: root in a container may not mount, and sudo may ask for a password. */
function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'simdgres-mount-'))
  try {
    asRoot('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder)
    asRoot('umount', folder)
    return true
  } catch {
    return false
  } finally {
    rmdirSync(folder)
  }
}

/** Why there is no small disk: tests are then skipped on a workstation, and fail in continuous integration. */
export const smallDiskProblem: string | undefined =
  process.env['CI'] || canMount() ? undefined : 'mounting a small disk needs root or sudo without a password'

afterEach(() => {
  for (const folder of mounted.splice(0)) asRoot('umount', folder)
})

/** A folder on a disk of so many MiB; gone after the test. */
export function smallDisk(mebibytes: number): string {
  const folder = tempFolder()
  asRoot('mount', '-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=0777`, 'tmpfs', folder)
  mounted.push(folder)
  return folder
}
