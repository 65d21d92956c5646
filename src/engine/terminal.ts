import type { Duplex } from 'node:stream'
import type { ReadStream, WriteStream } from 'node:tty'
import type { Container } from 'dockerode'
import { engineError } from './engine.js'

/** Runs a command in a container on this terminal, with its keys, colours and window size. Resolves to the exit code. */
export async function runOnTerminal(
  container: Container,
  argv: readonly string[],
  input: ReadStream,
  output: WriteStream,
): Promise<number> {
  let stream: Duplex | undefined
  try {
    const execution = await container.exec({
      Cmd: [...argv],
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      Tty: true,
      Env: [`TERM=${process.env['TERM'] ?? 'xterm'}`],
    })
    stream = await execution.start({ hijack: true, stdin: true, Tty: true })
    const resize = (): void => {
      // If this fails, the output is laid out for another width; nothing worse.
      execution.resize({ h: output.rows, w: output.columns }).catch(() => undefined)
    }
    resize()
    output.on('resize', resize)
    input.setRawMode(true)
    input.pipe(stream)
    stream.pipe(output, { end: false })
    await new Promise<void>((resolve, reject) => {
      stream!.once('end', resolve).once('error', reject)
    })
    output.off('resize', resize)
    return (await execution.inspect()).ExitCode ?? 0
  } catch (error) {
    throw engineError(error, `running ${argv[0]}`)
  } finally {
    if (stream) input.unpipe(stream)
    input.setRawMode(false)
    input.pause()
  }
}
