import { statfs } from 'node:fs/promises'
import { readText } from '../../system/text-file.js'
import { critical, type Finding, ok, warning } from './finding.js'

const gib = 1024 ** 3
const leastFreeBytes = 5 * gib
const leastOpenFiles = 100_000

/** Checks settings of the kernel, which all containers share and none can change. */
export async function checkKernel(): Promise<Finding[]> {
  return [await checkOvercommit(), await checkHugePages(), await checkOpenFiles()]
}

async function checkOvercommit(): Promise<Finding> {
  const check = 'memory overcommit'
  const value = (await readText('/proc/sys/vm/overcommit_memory'))?.trim() ?? 'unknown'
  const message = `vm.overcommit_memory=${value}`
  // Redis forks to save, PostgreSQL for each connection. The forks touch little of the memory that they share.
  if (value !== '2') return ok(check, message)
  return warning(check, message, 'Strict: give vm.overcommit_ratio room for the database, or set it to 0.')
}

async function checkHugePages(): Promise<Finding> {
  const check = 'huge pages'
  const mode = /\[(\w+)\]/.exec((await readText('/sys/kernel/mm/transparent_hugepage/enabled')) ?? '')?.[1]
  const reserved = (await readText('/proc/sys/vm/nr_hugepages'))?.trim() ?? '0'
  const message = `transparent: ${mode ?? 'none'}, reserved: ${reserved}`
  if (mode !== 'always') return ok(check, message)
  const hint =
    'Redis and PostgreSQL advise against always: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled'
  return warning(check, message, hint)
}

async function checkOpenFiles(): Promise<Finding> {
  const limit = Number((await readText('/proc/sys/fs/file-max'))?.trim() ?? 0)
  const message = `fs.file-max=${limit}`
  if (limit >= leastOpenFiles) return ok('open files', message)
  return warning('open files', message, `sysctl -w fs.file-max=${leastOpenFiles * 10}`)
}

/** Free space where the engine keeps images and volumes, and where the data folders are. */
export async function checkDiskSpace(folders: readonly string[]): Promise<Finding[]> {
  return Promise.all(folders.filter((folder) => folder !== '').map(checkFolder))
}

async function checkFolder(folder: string): Promise<Finding> {
  const check = `space in ${folder}`
  try {
    const { bavail, bsize, files, ffree } = await statfs(folder)
    const freeBytes = bavail * bsize
    const inodes = files > 0 ? `, ${Math.round((100 * ffree) / files)} % of inodes` : ''
    const message = `${(freeBytes / gib).toFixed(1)} GB free${inodes}`
    if (freeBytes >= leastFreeBytes) return ok(check, message)
    return warning(check, message, 'Free space: docker image prune removes old images (never prune volumes).')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error)
    return code === 'ENOENT'
      ? ok(check, 'will be made')
      : critical(check, `cannot be read (${code})`, 'Check the disk and permissions.')
  }
}
