import { Writable } from 'node:stream'
import { openLog } from '../engine/container-log.js'
import { engineError } from '../engine/engine.js'
import { separateOutputs } from '../engine/output-frames.js'
import { listProjectContainers } from '../engine/project-containers.js'
import type { Stack } from './stack.js'

export interface LogOptions {
  /** The last lines of each service. */
  readonly lines: number
  /** Go on until the signal fires. */
  readonly follow: boolean
}

/**
 * Writes the logs of services, each line after the service's name if there are several.
 * @param wanted names in the networks; all of the stack if empty.
 */
export async function showLogs(
  stack: Stack,
  wanted: readonly string[],
  output: Writable,
  options: LogOptions,
): Promise<void> {
  const all = wanted.length > 0 ? [] : await listProjectContainers(stack.engine, stack.name)
  const names = wanted.length > 0 ? wanted : all.map(({ service }) => service).sort()
  const width = Math.max(...names.map((name) => name.length))
  const show = (name: string): Promise<void> => {
    const prefix = names.length > 1 ? `${name.padEnd(width)} | ` : ''
    return showLog(stack, name, new PrefixedLines(output, prefix), options)
  }
  if (options.follow) {
    await Promise.all(names.map(show))
    return
  }
  for (const name of names) await show(name)
}

async function showLog(stack: Stack, name: string, output: Writable, options: LogOptions): Promise<void> {
  const container = await stack.container(name)
  try {
    const stream = await openLog(container, options)
    const stop = (): void => {
      stream.destroy()
    }
    stack.signal.addEventListener('abort', stop, { once: true })
    await separateOutputs(stream, { stdout: output, stderr: output })
  } catch (error) {
    // Ctrl-C is how following ends.
    if (stack.signal.aborted) return
    throw engineError(error, `reading the log of ${name}`)
  } finally {
    output.end()
  }
}

/** Passes on whole lines only, so that lines of several services do not mix. */
class PrefixedLines extends Writable {
  readonly #target: Writable
  readonly #prefix: string
  #rest = ''

  constructor(target: Writable, prefix: string) {
    super({ decodeStrings: false, defaultEncoding: 'utf8' })
    this.#target = target
    this.#prefix = prefix
  }

  override _write(chunk: Buffer | string, _encoding: BufferEncoding, done: () => void): void {
    const lines = (this.#rest + chunk.toString()).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#target.write(`${this.#prefix}${line}\n`)
    done()
  }

  override _final(done: () => void): void {
    if (this.#rest !== '') this.#target.write(`${this.#prefix}${this.#rest}\n`)
    done()
  }
}
