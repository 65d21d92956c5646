import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'

const pollIntervalMs = 1000

/**
 * Ends a command's stream where the engine forgets to: when a container dies together with a command that runs in it, an
 * engine can lose the command's end and leave its stream open for ever (containerd issue 9719). Two looks in a row must
 * find the command over and nothing that waits to be read, so that no output is cut off.
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
  // The pause between two looks is all that rejects, when the watch is stopped.
  watch().catch(() => undefined)
  return () => stopping.abort()
}
