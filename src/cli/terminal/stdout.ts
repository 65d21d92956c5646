import { errnoOf, toStorageError } from '../../system/storage-error.js'
import { printError } from './print-error.js'

/** What becomes of stdout while a command runs. */
export interface StdoutWatch {
  /** True once the reader has left, as `| head` does when it has its lines. That is no failure. */
  isReaderGone(): boolean
  /** Resolves to the exit code once all is written: `exitCode`, or that of a failure to write. */
  finish(exitCode: number): Promise<number>
}

/**
 * Listens to errors of stdout and stderr, which would otherwise end the process and leave behind all that it has
 * started. Where stderr is gone, there is nobody to tell.
 */
export function watchStdout(debug: boolean): StdoutWatch {
  let failure: unknown
  process.stdout.on('error', (error) => {
    failure ??= error
  })
  process.stderr.on('error', () => undefined)
  const isReaderGone = () => errnoOf(failure) === 'EPIPE'
  return {
    isReaderGone,
    async finish(exitCode) {
      // The callback comes after those of all earlier writes.
      await new Promise<void>((resolve) => process.stdout.write('', () => resolve()))
      if (failure === undefined || isReaderGone()) return exitCode
      return printError(toStorageError(failure, 'writing to stdout', 'named'), debug)
    },
  }
}
