import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import Docker from 'dockerode'
import { until } from './until.js'

const startTimeoutMs = 60_000
/** Containers have 10 s to stop, the database 2 minutes. */
const stopTimeoutMs = 150_000

/** In the engine's folder: connects to the same port of the engine's loopback. */
const forwarder = fileURLToPath(new URL('support/forward.mjs', import.meta.url))

/**
 * The first process of a process namespace: all others end with it, whoever started them. A signal reaches it from outside only
 * where it has a handler.
 */
const machine = `
ip link set lo up
trap 'kill -TERM "$engine"' TERM
dockerd "$@" & engine=$!
while kill -0 "$engine" 2>/dev/null; do wait "$engine"; done`

/** Why this machine cannot run an engine of the test's own. */
export function findPrivateEngineProblem(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root'
  const isInstalled = ['/usr/bin/dockerd', '/usr/sbin/dockerd', '/usr/local/bin/dockerd'].some(existsSync)
  return isInstalled ? undefined : 'dockerd is not installed here'
}

/**
 * An engine with a socket and storage of its own, in namespaces of its own, which a test may restart or kill: the machine's
 * engine, its processes, mounts and firewall rules are not touched.
 */
export class PrivateEngine {
  readonly #folder: string
  readonly socket: string
  #daemon: ChildProcess | undefined
  readonly #ports = new Set<number>()

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
    const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
    this.#daemon = spawn('unshare', [...namespaces, 'sh', '-c', machine, 'machine', ...options], {
      stdio: 'ignore',
    })
    const deadline = performance.now() + startTimeoutMs
    while (!(await this.#answers())) {
      if (performance.now() > deadline || this.#hasEnded()) {
        throw new Error('The private engine does not start')
      }
      await sleep(200)
    }
    for (const port of this.#ports) this.#startForwarder(port)
  }

  /** As a shutdown of the machine does it. */
  async stop(): Promise<void> {
    if (this.#daemon === undefined || this.#hasEnded()) return
    process.kill(this.#firstProcess(), 'SIGTERM')
    await until(() => this.#hasEnded(), stopTimeoutMs, 'the engine ends')
  }

  /** As a power cut does it: the engine and every process in its containers end at once, and their mounts are gone. */
  async kill(): Promise<void> {
    process.kill(this.#firstProcess(), 'SIGKILL')
    await until(() => this.#hasEnded(), startTimeoutMs, 'the engine is killed')
    // In memory on a real machine: below /run.
    for (const name of ['exec', 'docker.pid'])
      await rm(join(this.#folder, name), { recursive: true, force: true })
  }

  /**
   * Leads to a port that containers publish on the loopback, which is the engine's own. Resolves to the host of a pg.Client
   * with this port.
   */
  async forward(port: number): Promise<string> {
    this.#ports.add(port)
    this.#startForwarder(port)
    const path = this.#forwardedSocket(port)
    await until(() => existsSync(path), startTimeoutMs, `port ${port} of the engine is forwarded`)
    return this.#folder
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

  #forwardedSocket(port: number): string {
    return join(this.#folder, `.s.PGSQL.${port}`)
  }

  /** Ends with the engine. */
  #startForwarder(port: number): void {
    const place = ['--target', String(this.#firstProcess()), '--net', '--mount', '--pid']
    const program = [process.execPath, forwarder, this.#forwardedSocket(port), String(port)]
    spawn('nsenter', [...place, ...program], { stdio: 'ignore' })
  }

  #hasEnded(): boolean {
    return this.#daemon?.exitCode !== null || this.#daemon.signalCode !== null
  }

  /** Of the namespace, by its number outside of it. */
  #firstProcess(): number {
    const pid = this.#daemon?.pid
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim())
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
