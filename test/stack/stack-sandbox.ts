import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { listProjectContainers } from '#src/engine/project-containers.js'
import { silent } from '#src/progress.js'
import { planDown, takeDown } from '#src/stack/down.js'
import type { Stack } from '#src/stack/stack.js'
import { openStack } from '#src/stack/stack.js'
import { bringUp, type UpOptions, type UpResult } from '#src/stack/up.js'
import { type CliResult, runCli } from '../cli/run-cli.js'

/** The smallest settings under which every service works: tests run beside each other on small machines. */
const smallSettings = {
  POSTGRES_MEMORY: '512m',
  POSTGRES_CPUS: '1',
  POSTGRES_SHM_SIZE: '128m',
}

/**
 * Between two health checks of the engine. Each takes a tenth of a second of a processor and more, and a wait for health
 * does not depend on them; a test of what they do sets its own.
 */
const healthInterval = '60s'

/** A stack of a test file: own name, own folder, own port; all of it is removed at the end. */
export class StackSandbox {
  readonly folder: string
  readonly project: string
  readonly port: number
  readonly #host: string

  private constructor(folder: string, project: string, port: number, host: string) {
    this.folder = folder
    this.project = project
    this.port = port
    this.#host = host
  }

  /** @param findHost where clients reach the published port: an address, or a folder with a socket. */
  static async create(
    findHost: (port: number) => string | Promise<string> = () => '127.0.0.1',
  ): Promise<StackSandbox> {
    const folder = await mkdtemp(join(tmpdir(), 'simdgres-stack-'))
    const project = `simdgres-test-${randomBytes(3).toString('hex')}`
    const port = await findFreePort()
    return new StackSandbox(folder, project, port, await findHost(port))
  }

  up(options: Partial<UpOptions> = {}): Promise<UpResult> {
    return bringUp({
      folder: this.folder,
      project: this.project,
      progress: silent,
      signal: new AbortController().signal,
      profiles: [],
      tune: false,
      ...options,
      settings: {
        ...smallSettings,
        STACK_HEALTH_INTERVAL: healthInterval,
        STACK_PORT: String(this.port),
        ...options.settings,
      },
    })
  }

  open(): Promise<Stack> {
    return openStack({
      folder: this.folder,
      project: this.project,
      progress: silent,
      signal: new AbortController().signal,
    })
  }

  /** The real command line, on this stack. */
  cli(command: string, ...args: readonly string[]): Promise<CliResult> {
    return runCli([command, '--dir', this.folder, '--project', this.project, ...args])
  }

  /** A client as an application has it: the published port, the role app, TLS with the stack's authority. */
  async connect(options: pg.ClientConfig = {}): Promise<pg.Client> {
    const secret = (name: string): Promise<string> =>
      readFile(join(this.folder, 'secrets/client', name), 'utf8')
    const client = new pg.Client({
      host: this.#host,
      port: this.port,
      user: 'app',
      database: 'claude_agents_auth',
      password: await secret('app_password'),
      ssl: { ca: await secret('ca.crt'), ...(this.#host.startsWith('/') && { servername: 'localhost' }) },
      connectionTimeoutMillis: 10_000,
      ...options,
    })
    // A connection that breaks while idle is reported by an event, which ends the process if nobody listens.
    client.on('error', () => undefined)
    await client.connect()
    return client
  }

  async query(sql: string): Promise<readonly Record<string, unknown>[]> {
    const client = await this.connect()
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows
    } finally {
      await client.end()
    }
  }

  /** Whether a query of the application is answered, within seconds. */
  async answers(): Promise<boolean> {
    try {
      const client = await this.connect()
      try {
        const { rows } = await client.query({ text: 'SELECT 1', query_timeout: 3000 } as { text: string })
        return rows.length === 1
      } finally {
        void client.end().catch(() => undefined)
      }
    } catch {
      return false
    }
  }

  /** Ids of the stack's containers by name in the networks. */
  async containerIds(): Promise<Record<string, string>> {
    const stack = await this.open()
    const containers = await listProjectContainers(stack.engine, this.project)
    return Object.fromEntries(containers.map(({ service, id }) => [service, id]))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stack = await this.open()
    // Nobody needs the data: a shutdown in order takes seconds in each file. What is not removed here is below, or fails there.
    const containers = await listProjectContainers(stack.engine, this.project)
    await Promise.allSettled(
      containers.map(({ id }) => stack.engine.getContainer(id).remove({ force: true, v: true })),
    )
    await takeDown(stack, await planDown(stack, true))
    await rm(this.folder, { recursive: true, force: true })
  }
}

async function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
