import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'

const pollIntervalMs = 1000

/**
 * Ends a command's stream when the engine fails to. If a container dies while a command runs in it, the engine can miss
 * the command's end and leave its stream open for ever (containerd issue 9719). The stream is ended only after two checks
 * in a row have found the command finished and nothing left to read, so that no output is cut off.
 * @param isOver asks the engine; an error of it ends the stream, and is met again by whoever asks for the exit code.
 * @returns stops the watch.
 */
export function watchForEnd(stream: Duplex, isOver: () => Promise<boolean>): () => void {
  const stopping = new AbortController()
  const { signal } = stopping
  const watch = async (): Promise<void> => {
    for (let seen = 0; ; ) {
      await sleep(pollIntervalMs, undefined, { signal })
      const isQuiet = stream.readableLength === 0
      seen = (await isOver().catch(() => true)) && isQuiet ? seen + 1 : 0
      if (signal.aborted || stream.readableEnded) return
      if (seen < 2) continue
      stream.push(null)
      return
    }
  }
  // Only the pause between two checks can reject, and only because the watch was stopped.
  watch().catch(() => undefined)
  return () => stopping.abort()
}
