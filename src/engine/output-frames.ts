import { once } from 'node:events'
import { type Readable, Writable } from 'node:stream'

const headerBytes = 8
const stderrType = 2

export interface Outputs {
  readonly stdout: Writable
  readonly stderr: Writable
}

/**
 * Separates the outputs of a container without a terminal. The engine sends them in frames: one byte for the stream, three
 * of padding, four for the length, then the text. Waits for slow receivers, so that a dump of any size needs little
 * memory.
 */
export async function separateOutputs(source: Readable, { stdout, stderr }: Outputs): Promise<void> {
  let pending: Buffer = Buffer.alloc(0)
  let remaining = 0
  let receiver = stdout
  for await (const chunk of source as AsyncIterable<Buffer>) {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    for (;;) {
      if (remaining === 0) {
        if (pending.length < headerBytes) break
        receiver = pending[0] === stderrType ? stderr : stdout
        remaining = pending.readUInt32BE(4)
        pending = pending.subarray(headerBytes)
        continue
      }
      if (pending.length === 0) break
      const part = pending.subarray(0, remaining)
      pending = pending.subarray(part.length)
      remaining -= part.length
      if (!receiver.write(part)) await once(receiver, 'drain')
    }
  }
}

/** Keeps text in memory. */
export class Collector extends Writable {
  readonly #chunks: Buffer[] = []

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#chunks.push(chunk)
    done()
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString('utf8')
  }
}
