import { setMaxListeners } from 'node:events'
import { errnoOf } from '../../system/storage-error.js'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * A signal that fires on Ctrl-C, on SIGTERM, when the terminal is closed (SIGHUP) and when nobody reads stdout any more
 * (EPIPE), which would end other programs. The handlers stay until `release`: a second Ctrl-C must not end the process
 * while it is still removing what it started.
 */
export function watchInterrupts(note: (message: string) => void): {
  signal: AbortSignal
  release: () => void
} {
  const controller = new AbortController()
  // Every connection of a run listens, and Node takes more than ten listeners for a leak.
  setMaxListeners(0, controller.signal)
  const onSignal = (name: NodeJS.Signals) => {
    note(controller.signal.aborted ? 'Still cleaning up.' : `${name}: stopping and cleaning up.`)
    controller.abort(name)
  }
  const onError = (error: Error) => {
    if (errnoOf(error) === 'EPIPE') controller.abort(error)
  }
  process.stdout.on('error', onError)
  for (const name of signals) process.on(name, onSignal)
  return {
    signal: controller.signal,
    release: () => {
      process.stdout.off('error', onError)
      for (const name of signals) process.off(name, onSignal)
    },
  }
}
