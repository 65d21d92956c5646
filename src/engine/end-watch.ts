import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'

const pollIntervalMs = 1000
/** An engine on a machine with more work than processors was seen to deliver the end of a dump seconds after pg_dump had ended. */
const defaultQuietMs = 15_000

/**
 * Ends a command's stream when the engine fails to. If a container dies while a command runs in it, the engine can miss
 * the command's end and leave its stream open for ever (containerd issue 9719). The stream is ended only when the command
 * has been over, and nothing has come, for `quietMs`: what the engine still holds back must not be cut off.
 * @param isOver asks the engine; an error of it ends the stream, and is met again by whoever asks for the exit code.
 * @returns stops the watch.
 */
export function watchForEnd(
  stream: Duplex,
  isOver: () => Promise<boolean>,
  quietMs = defaultQuietMs,
): () => void {
  const stopping = new AbortController()
  const { signal } = stopping
  const watch = async (): Promise<void> => {
    let quietSinceMs: number | undefined
    let bytesBefore = countRead(stream)
    for (;;) {
      await sleep(Math.min(pollIntervalMs, quietMs), undefined, { signal })
      const over = await isOver().catch(() => true)
      if (signal.aborted || stream.readableEnded) return
      const bytes = countRead(stream)
      const isQuiet = over && stream.readableLength === 0 && bytes === bytesBefore
      bytesBefore = bytes
      if (!isQuiet) quietSinceMs = undefined
      else quietSinceMs ??= performance.now()
      if (quietSinceMs === undefined || performance.now() - quietSinceMs < quietMs) continue
      stream.push(null)
      return
    }
  }
  // Only the pause between two checks can reject, and only because the watch was stopped.
  watch().catch(() => undefined)
  return () => stopping.abort()
}

/** Bytes that have come from the engine so far; the streams that it gives are sockets. */
function countRead(stream: Duplex): number {
  return (stream as Socket).bytesRead ?? 0
}
