import { type ErrorCode, SimdgresError } from '../errors.js'

/** A file of the cache, which the project chose, or one whose path the user gave: what can be moved differs. */
export type StoragePlace = 'cache' | 'named'

interface StorageFault {
  readonly code: ErrorCode
  readonly what: string
  readonly hint: string | Readonly<Record<StoragePlace, string>>
}

const freeSpace = {
  cache: 'Free space there, or set SIMDGRES_CACHE to a folder on another disk.',
  named: 'Free space there, or name a file on another disk.',
}
const checkRights = {
  cache: 'Check owner and permissions, or set SIMDGRES_CACHE to a folder you may write to.',
  named: 'Check owner and permissions, or name a file in a folder of yours.',
}
const checkPath = 'Check the path.'

/** What the operating system says, in the words of somebody who has to do something about it. */
const faults: Readonly<Record<string, StorageFault>> = {
  ENOSPC: { code: 'ERR_RESOURCE', what: 'No space is left on the disk', hint: freeSpace },
  EDQUOT: { code: 'ERR_RESOURCE', what: 'The disk quota is used up', hint: freeSpace },
  EACCES: { code: 'ERR_RESOURCE', what: 'Permission was denied', hint: checkRights },
  EPERM: { code: 'ERR_RESOURCE', what: 'The operation is not permitted', hint: checkRights },
  EROFS: { code: 'ERR_RESOURCE', what: 'The file system is read-only', hint: checkRights },
  EIO: { code: 'ERR_RESOURCE', what: 'The disk reported an error', hint: 'Check the disk, then try again.' },
  EMFILE: { code: 'ERR_RESOURCE', what: 'Too many files are open', hint: 'Raise the limit with ulimit -n.' },
  ENFILE: {
    code: 'ERR_RESOURCE',
    what: 'Too many files are open on this machine',
    hint: 'Raise fs.file-max, or close programs.',
  },
  EFBIG: {
    code: 'ERR_RESOURCE',
    what: 'The file is larger than is allowed',
    hint: 'Raise the limit with ulimit -f, or use another file system.',
  },
  EBUSY: {
    code: 'ERR_RESOURCE',
    what: 'The file is in use by the system, as a mount point is',
    hint: 'Name another file.',
  },
  ENAMETOOLONG: { code: 'ERR_INVALID_ARGUMENT', what: 'The path is too long', hint: checkPath },
  ELOOP: { code: 'ERR_INVALID_ARGUMENT', what: 'Links in the path lead in a circle', hint: checkPath },
  ENOENT: { code: 'ERR_INVALID_ARGUMENT', what: 'There is no such file', hint: checkPath },
  ENOTDIR: { code: 'ERR_INVALID_ARGUMENT', what: 'A part of the path is not a folder', hint: checkPath },
  EISDIR: { code: 'ERR_INVALID_ARGUMENT', what: 'The path is a folder, not a file', hint: checkPath },
}

/** Errno of a failed system call, or undefined if `error` is something else. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** What the operating system says, with the name of its error: "Permission was denied (EACCES)". */
export function describeStorageFault(error: unknown): string {
  const errno = errnoOf(error)
  const what = faults[errno ?? '']?.what
  if (what !== undefined) return `${what} (${errno})`
  return error instanceof Error ? error.message : String(error)
}

/**
 * The error to throw for `error`, met while doing `action` ("writing /data/x.matrix"): a SimdgresError where a user
 * can do something about it, `error` itself where only we can.
 */
export function toStorageError(error: unknown, action: string, place: StoragePlace = 'cache'): unknown {
  if (error instanceof SimdgresError) return error
  const errno = errnoOf(error)
  if (errno === 'ABORT_ERR') {
    return new SimdgresError('ERR_ABORTED', `Stopped while ${action}`, 'Start it again.', {
      cause: error,
    })
  }
  const fault = faults[errno ?? '']
  if (fault === undefined) return error
  const hint = typeof fault.hint === 'string' ? fault.hint : fault.hint[place]
  return new SimdgresError(fault.code, `${fault.what} (${errno}) while ${action}`, hint, { cause: error })
}
