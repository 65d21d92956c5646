import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { join } from 'node:path'
import { SimdgresError } from '../errors.js'
import { errnoOf } from './storage-error.js'

/** How the two versions of control groups are mounted and what they call their limit. */
const versions = {
  cgroup: {
    file: 'memory.limit_in_bytes',
    hasMemory: (options: string) => options.split(',').includes('memory'),
  },
  cgroup2: { file: 'memory.max', hasMemory: () => true },
} as const

/**
 * Bytes of memory that this process can use: what the machine has, or the smallest limit of a control group that the
 * process is in, its own or one further up. A limit of a parent group holds for all below it, and only the walk up from
 * /proc/self/cgroup finds it: Docker with the host's namespace and systemd slices set theirs there.
 * @param root where proc and sys are found; tests give a folder of their own.
 */
export function memoryLimitBytes(root = '/'): number {
  const mounts = readLines(join(root, 'proc/self/mountinfo')).flatMap(parseMount)
  const groups = readLines(join(root, 'proc/self/cgroup')).flatMap(parseGroup)
  const limits = mounts.flatMap(({ type, mountRoot, mountPoint }) =>
    groups
      .filter((group) => group.type === type)
      .flatMap((group) => foldersUpFrom(group.path, mountRoot))
      .flatMap((folder) => readLimit(join(root, mountPoint, folder, versions[type].file))),
  )
  return Math.min(totalmem(), ...limits)
}

/** What a Node process with this project loaded takes before it holds any vectors, measured as 90 to 120 MB. */
const ownBytes = 128 << 20

/**
 * @param bytes that `action` ("reading x.npy") needs at its peak, beside what the process has.
 * @throws ERR_RESOURCE, with both numbers, where that is more than the process can use: before the kernel ends it.
 */
export function requireMemory(bytes: number, action: string): void {
  const [needed, limit] = [bytes + ownBytes, memoryLimitBytes()]
  if (needed <= limit) return
  throw new SimdgresError(
    'ERR_RESOURCE',
    `${action} needs ${inMegabytes(needed)} of memory (${needed} bytes), and this process can use ${inMegabytes(limit)}`,
    'Raise the limit of its container or control group, use fewer vectors (--rows), or a machine with more memory.',
  )
}

function inMegabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6).toLocaleString('en-US')} MB`
}

interface Mount {
  readonly type: keyof typeof versions
  /** The group that is mounted: in a container often its own, though the paths of its groups start at the machine's. */
  readonly mountRoot: string
  readonly mountPoint: string
}

/** A line of proc_pid_mountinfo(5): `id parent device root point options [tags] - type source superOptions`. */
function parseMount(line: string): Mount[] {
  const [before = '', after = ''] = line.split(' - ')
  const [type = '', , superOptions = ''] = after.split(' ')
  const [, , , mountRoot, mountPoint] = before.split(' ')
  if (type !== 'cgroup' && type !== 'cgroup2') return []
  if (mountRoot === undefined || mountPoint === undefined || !versions[type].hasMemory(superOptions))
    return []
  return [{ type, mountRoot, mountPoint }]
}

/** A line of cgroup(7): `number:controllers:path`; version 2 has the number 0 and no controllers. */
function parseGroup(line: string): { readonly type: keyof typeof versions; readonly path: string }[] {
  const match = /^(\d+):([^:]*):(.*)$/.exec(line)
  if (match === null) return []
  const [, number, controllers, path] = match
  if (number === '0' && controllers === '') return [{ type: 'cgroup2', path: path! }]
  return controllers!.split(',').includes('memory') ? [{ type: 'cgroup', path: path! }] : []
}

/** The group's folder below the mount point, and those above it, up to the mount point itself. */
function foldersUpFrom(path: string, mountRoot: string): string[] {
  const isInside = mountRoot !== '/' && (path === mountRoot || path.startsWith(`${mountRoot}/`))
  const parts = (isInside ? path.slice(mountRoot.length) : path).split('/').filter((part) => part !== '')
  // A path with .. lies outside the namespace, where nothing can be read.
  if (parts.includes('..')) return ['']
  return Array.from({ length: parts.length + 1 }, (_, count) => parts.slice(0, count).join('/'))
}

/** Empty where there is no such file, or no limit in it: version 2 says "max", version 1 a number beyond any memory. */
function readLimit(path: string): number[] {
  const [text = ''] = readLines(path)
  return /^\d+$/.test(text) ? [Number(text)] : []
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').trim().split('\n')
  } catch (error) {
    // macOS has no /proc, and a container need not show the groups that it is in.
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ENODEV'].includes(errnoOf(error) ?? '')) return []
    throw error
  }
}
