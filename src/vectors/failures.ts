import { SimdgresError } from '../errors.js'
import { explainRefusal } from './addon.js'
import { explainFile } from './set-file.js'

/** Of native failures; what a listener of the caller has thrown stays as it is. */
export function explainFailedSet(error: unknown, bytes: number): unknown {
  const refusal = explainRefusal(error)
  if (refusal !== undefined) return refusal
  if (error instanceof Error && /^(out of memory|std::bad_alloc)$/.test(error.message))
    return outOfMemory(`a copy of ${bytes} bytes of vectors`, error)
  return error instanceof Error && error.message.includes('temporarily unavailable')
    ? noThread('the set', error)
    : error
}

/** Once the arguments are valid, only memory or threads can be lacking. what: for which they are. */
export function explainFailure(
  error: unknown,
  what: 'the search' | 'the change' | 'saving the set' | 'opening the file',
): unknown {
  if (error instanceof SimdgresError || !(error instanceof Error)) return error
  const refusal = explainFile(error) ?? explainRefusal(error)
  if (refusal !== undefined) return refusal
  if (error.message.includes('within the radius')) return tooManyWithin(error)
  if (error instanceof RangeError || /memory|alloc/i.test(error.message)) return outOfMemory(what, error)
  return noThread(what, error)
}

function tooManyWithin(cause: Error): SimdgresError {
  return new SimdgresError(
    'ERR_RESOURCE',
    'More than 16777216 rows lie within the radius of the queries of one call',
    'Ask for a smaller radius, set limit, or search for fewer queries at once.',
    { cause },
  )
}

function noThread(what: string, cause: Error): SimdgresError {
  return new SimdgresError(
    'ERR_RESOURCE',
    `The system did not let ${what} start a thread (${cause.message})`,
    'Raise the limit on processes: ulimit -u, or the pids limit of the container.',
    { cause },
  )
}

function outOfMemory(what: string, cause: unknown): SimdgresError {
  return new SimdgresError(
    'ERR_RESOURCE',
    `There is not enough memory for ${what}`,
    `Close sets that are no longer needed, ${what === 'the search' ? 'search for fewer queries at once, ' : ''}or use a machine with more memory.`,
    { cause },
  )
}
