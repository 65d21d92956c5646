import { Readable } from 'node:stream'
import type { Container } from './engine.js'
import { Collector, separateOutputs } from './output-frames.js'

const shownLines = 20

/** The last lines that the container wrote to stdout and stderr. */
export async function readLastLines(container: Container, lines = shownLines): Promise<string> {
  const frames = await container.logs({ stdout: true, stderr: true, tail: lines, follow: false })
  const text = new Collector()
  await separateOutputs(Readable.from([frames]), { stdout: text, stderr: text })
  return text.text().trimEnd()
}

/** Frames for separateOutputs. Streams the log even if it is not followed: the library would hold the whole log in memory. */
export function openLog(
  { id, modem }: Container,
  { lines, follow }: { readonly lines: number; readonly follow: boolean },
): Promise<Readable> {
  const request = {
    path: `/containers/${id}/logs?`,
    method: 'GET',
    isStream: true,
    options: { stdout: true, stderr: true, tail: lines, follow },
    statusCodes: { 200: true, 404: 'no such container', 500: 'server error' },
  }
  return new Promise((resolve, reject) => {
    modem.dial(request, (error: unknown, stream: Readable) => (error ? reject(error) : resolve(stream)))
  })
}
