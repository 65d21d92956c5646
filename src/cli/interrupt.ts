/**
 * A signal that fires on Ctrl-C and SIGTERM. The handlers stay until `release`: a second Ctrl-C must not end the
 * process while it is still removing what it started.
 */
export function watchInterrupts(note: (message: string) => void): {
  signal: AbortSignal
  release: () => void
} {
  const controller = new AbortController()
  const onSignal = (name: NodeJS.Signals) => {
    note(controller.signal.aborted ? 'Still cleaning up.' : `${name}: stopping and cleaning up.`)
    controller.abort(name)
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return {
    signal: controller.signal,
    release: () => {
      process.off('SIGINT', onSignal)
      process.off('SIGTERM', onSignal)
    },
  }
}
