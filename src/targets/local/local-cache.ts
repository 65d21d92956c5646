import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { throwIfAborted } from '../../errors.js'
import { endsWithParent } from '../../system/command.js'
import { reservePort } from '../../system/free-port.js'
import type { CacheServer, CacheServerOptions } from '../cache-server.js'

const passwordBytes = 24

/** Starts an installed redis-server on a free port of the loopback. It keeps nothing on disk and ends with this process. */
export async function startLocalCache(
  program: string,
  { progress, signal }: CacheServerOptions,
): Promise<CacheServer> {
  throwIfAborted(signal)
  const port = await reservePort()
  const password = randomBytes(passwordBytes).toString('base64url')
  progress.note(`starting ${program}`)
  // The settings go to standard input, because everybody can see arguments.
  const [command, ...args] = endsWithParent([program, '-'], 'KILL')
  const child = spawn(command, args, { stdio: ['pipe', 'ignore', 'ignore'], signal })
  // A program that cannot be started, or is aborted, is reported by whoever waits for its answer.
  child.on('error', () => undefined)
  child.stdin.on('error', () => undefined)
  child.stdin.end(
    [`port ${port}`, 'bind 127.0.0.1', `requirepass ${password}`, 'save ""', 'maxmemory 160mb', ''].join(
      '\n',
    ),
  )
  const endWithUs = (): void => void child.kill('SIGKILL')
  process.once('exit', endWithUs)
  return {
    redis: { url: `redis://:${password}@127.0.0.1:${port}` },
    async stop() {
      process.off('exit', endWithUs)
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
  }
}
