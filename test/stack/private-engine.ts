import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Docker from 'dockerode'
import { until } from './until.js'

const startTimeoutMs = 60_000
/** Containers have 10 s to stop, the database 2 minutes. */
const stopTimeoutMs = 150_000

/** Why this machine cannot run an engine of the test's own. */
export function findPrivateEngineProblem(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root'
  const isInstalled = ['/usr/bin/dockerd', '/usr/sbin/dockerd', '/usr/local/bin/dockerd'].some(existsSync)
  return isInstalled ? undefined : 'dockerd is not installed here'
}

/**
 * An engine with a socket, storage and network namespace of its own, which a test may restart: the machine's engine and
 * its firewall rules are not touched.
 */
export class PrivateEngine {
  readonly #folder: string
  readonly socket: string
  #daemon: ChildProcess | undefined

  private constructor(folder: string) {
    this.#folder = folder
    this.socket = join(folder, 'docker.sock')
  }

  static async create(): Promise<PrivateEngine> {
    const engine = new PrivateEngine(await mkdtemp(join(tmpdir(), 'simdgres-engine-')))
    await writeFile(join(engine.#folder, 'daemon.json'), '{}')
    await engine.start()
    return engine
  }

  get docker(): Docker {
    return new Docker({ socketPath: this.socket })
  }

  async start(): Promise<void> {
    const at = (name: string): string => join(this.#folder, name)
    const options = [
      `--config-file=${at('daemon.json')}`,
      `--host=unix://${this.socket}`,
      `--data-root=${at('data')}`,
      `--exec-root=${at('exec')}`,
      `--pidfile=${at('docker.pid')}`,
    ]
    this.#daemon = spawn(
      'unshare',
      ['--net', 'sh', '-c', 'ip link set lo up; exec dockerd "$@"', 'dockerd', ...options],
      { stdio: 'ignore' },
    )
    const deadline = performance.now() + startTimeoutMs
    while (!(await this.#answers())) {
      if (performance.now() > deadline || this.#daemon.exitCode !== null) {
        throw new Error('The private engine does not start')
      }
      await sleep(200)
    }
  }

  /** As a shutdown of the machine does it. */
  async stop(): Promise<void> {
    if (!this.#daemon || this.#daemon.exitCode !== null || this.#daemon.signalCode !== null) return
    const daemon = this.#daemon
    daemon.kill('SIGTERM')
    await until(
      () => daemon.exitCode !== null || daemon.signalCode !== null,
      stopTimeoutMs,
      'the engine ends',
    )
  }

  /** Copies images from the machine's engine, all in one archive: what several are made of is in it once. */
  async load(names: readonly string[]): Promise<void> {
    const machine = new Docker()
    // The client has no call for several; it takes the last character of the path for a question mark.
    const path = `/images/get?${names.map((name) => `names=${encodeURIComponent(name)}&`).join('')}`
    const options = { path, method: 'GET', isStream: true, statusCodes: { 200: true } }
    const archive = await new Promise<NodeJS.ReadableStream>((resolve, reject) => {
      machine.modem.dial(options, (error: unknown, data: unknown) => {
        if (error) reject(error)
        else resolve(data as NodeJS.ReadableStream)
      })
    })
    const progress = await this.docker.loadImage(archive)
    // The load has ended when the engine has said all it has to say.
    for await (const _ of progress);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 })
  }

  async #answers(): Promise<boolean> {
    try {
      await this.docker.ping()
      return true
    } catch {
      return false
    }
  }
}
