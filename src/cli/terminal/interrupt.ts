import { setMaxListeners } from 'node:events'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * A signal that fires on Ctrl-C, on SIGTERM and when the terminal is closed (SIGHUP). The handlers stay until `release`: a second Ctrl-C must not end the
 * process while it is still removing what it started.
 */
export function watchInterrupts(note: (message: string) => void): {
  signal: AbortSignal
  release: () => void
} {
  const controller = new AbortController()
  // Every connection of a run listens; Node takes more than ten for a leak.
  setMaxListeners(0, controller.signal)
  const onSignal = (name: NodeJS.Signals) => {
    note(controller.signal.aborted ? 'Still cleaning up.' : `${name}: stopping and cleaning up.`)
    controller.abort(name)
  }
  for (const name of signals) process.on(name, onSignal)
  return {
    signal: controller.signal,
    release: () => {
      for (const name of signals) process.off(name, onSignal)
    },
  }
}
