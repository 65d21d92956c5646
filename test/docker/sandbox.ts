import { randomBytes } from 'node:crypto'
import { PassThrough, Readable } from 'node:stream'
import type { Container, ContainerCreateOptions, ContainerInspectInfo } from 'dockerode'
import pg from 'pg'
import { pack } from 'tar-stream'
import { describe, test } from 'vitest'
import type { ComposeService } from '#src/config/compose-schema.js'
import { loadServerAlone } from '#src/config/stack.js'
import { putSecrets } from '#src/engine/container.js'
import { readLastLines } from '#src/engine/container-log.js'
import { connectEngine, findEngineProblem } from '#src/engine/engine.js'
import { ensureServiceImage } from '#src/engine/images/image.js'
import { ownerLabels, removeContainer, removeVolume } from '#src/engine/owner.js'
import { silent } from '#src/progress.js'
import { createContainerOptions, serverUser } from '#src/targets/docker/container-options.js'
import { findHostPort, waitUntilReady } from '#src/targets/docker/server.js'
import type { ConnectionInfo, DeploySettings } from '#src/targets/target.js'
import { titleWith } from '../skip-reasons.js'
import { until } from '../stack/until.js'

/** A first boot on a machine that builds beside it takes a minute; a stop has 2. */
const waitLimitMs = 180_000

/** In words for the title of what is skipped, or undefined where an engine answers. */
export async function whyNoEngine(): Promise<string | undefined> {
  const problem = await findEngineProblem()
  return problem && `no Docker engine: ${problem}`
}

/**
 * A group of tests that need a Docker engine. Without one they are skipped, with the reason in the title; in CI, where
 * the engine is part of the promise, its absence is a failure.
 */
export async function describeWithEngine(title: string, body: () => void): Promise<void> {
  const problem = await whyNoEngine()
  if (problem !== undefined && process.env['CI']) {
    test(`${title}: a Docker engine answers`, () => {
      throw new Error(`Continuous integration needs one: ${problem}`)
    })
  } else {
    describe.skipIf(problem !== undefined)(titleWith(problem, title), body)
  }
}

export const password = 'a password with $pecial "characters"'

export interface ContainerSettings extends DeploySettings {
  /** In addition to, or in place of, the service's. */
  readonly environment?: Readonly<Record<string, string>>
  /** Files by folder and name; each folder becomes a volume. Names that end in .sh are executable. */
  readonly files?: Readonly<Record<string, Readonly<Record<string, string | Buffer>>>>
  /** Data volume to use in place of a new one. */
  readonly dataVolume?: string
  readonly withoutSecret?: boolean
  readonly change?: (options: ContainerCreateOptions) => void
}

/** Containers and volumes of one test, made from the compose file's service, removed together at its end. */
export class Sandbox {
  readonly engine = connectEngine()
  readonly service: ComposeService = loadServerAlone()
  readonly labels = ownerLabels()
  readonly #containers: Container[] = []
  readonly #volumes: string[] = []

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { id } of this.#containers) await removeContainer(this.engine, id)
    for (const name of this.#volumes) await removeVolume(this.engine, name)
  }

  async ensureImage(): Promise<string> {
    return ensureServiceImage(this.engine, this.service, silent, new AbortController().signal)
  }

  async createVolume(): Promise<string> {
    const name = `simdgres-test-${randomBytes(4).toString('hex')}`
    await this.engine.createVolume({ Name: name, Labels: this.labels })
    this.#volumes.push(name)
    return name
  }

  async create(settings: ContainerSettings = {}): Promise<Container> {
    const dataVolume = settings.dataVolume ?? (await this.createVolume())
    const backupVolume = await this.createVolume()
    const options = createContainerOptions(
      { ...this.service, environment: { ...this.service.environment, ...settings.environment } },
      settings,
      {
        name: `simdgres-test-${randomBytes(4).toString('hex')}`,
        imageId: await this.ensureImage(),
        labels: this.labels,
        volumeName: (name) => (name === 'postgres_data' ? dataVolume : backupVolume),
        secretsVolume: await this.createVolume(),
      },
    )
    for (const folder of Object.keys(settings.files ?? {})) {
      options.HostConfig?.Mounts?.push({
        Type: 'volume',
        Source: await this.createVolume(),
        Target: folder,
        ReadOnly: false,
      })
    }
    settings.change?.(options)
    const container = await this.engine.createContainer(options)
    this.#containers.push(container)
    if (!settings.withoutSecret) {
      await putSecrets(container, { postgres_password: password }, { uid: serverUser, gid: serverUser })
    }
    for (const [folder, files] of Object.entries(settings.files ?? {}))
      await putFiles(container, folder, files)
    return container
  }

  async start(settings: ContainerSettings = {}): Promise<Container> {
    const container = await this.create(settings)
    await container.start()
    return container
  }

  /** Output of a command in a container of the plain image, as root: it can see every file. */
  async runAsRoot(...command: readonly string[]): Promise<string> {
    const container = await this.engine.createContainer({
      Image: await this.ensureImage(),
      Entrypoint: [...command],
      Cmd: [],
      User: '0:0',
      Labels: this.labels,
    })
    this.#containers.push(container)
    await container.start()
    const { ExitCode } = await waitForEnd(container)
    const output = await readLog(container)
    if (ExitCode !== 0) throw new Error(`${command.join(' ')} ended with ${ExitCode}: ${output}`)
    return output.trim()
  }

  /** Started and answering queries. */
  async startReady(settings: ContainerSettings = {}): Promise<Container> {
    const container = await this.start(settings)
    await this.waitUntilReady(container)
    return container
  }

  async waitUntilReady(container: Container): Promise<void> {
    await waitUntilReady(container, await this.connection(container), new AbortController().signal)
  }

  async connection(container: Container): Promise<ConnectionInfo> {
    return {
      host: '127.0.0.1',
      port: await findHostPort(container),
      user: this.service.environment['POSTGRES_USER']!,
      password,
      database: this.service.environment['POSTGRES_DB']!,
    }
  }

  async connect(container: Container): Promise<pg.Client> {
    const client = new pg.Client({ ...(await this.connection(container)) })
    await client.connect()
    return client
  }

  /** Rows of a query over a connection of its own, as arrays. */
  async query(container: Container, sql: string): Promise<unknown[][]> {
    return queryOnce(await this.connection(container), sql)
  }
}

export async function queryOnce(connection: ConnectionInfo, sql: string): Promise<unknown[][]> {
  const client = new pg.Client({ ...connection })
  await client.connect()
  try {
    const { rows } = await client.query<unknown[]>({ text: sql, rowMode: 'array' })
    return rows
  } finally {
    await client.end()
  }
}

async function putFiles(
  container: Container,
  folder: string,
  files: Readonly<Record<string, string | Buffer>>,
): Promise<void> {
  const archive = pack()
  for (const [name, content] of Object.entries(files)) {
    archive.entry({ name, mode: name.endsWith('.sh') ? 0o755 : 0o644, uid: 999, gid: 999 }, content)
  }
  archive.finalize()
  await container.putArchive(Readable.from(archive), { path: folder })
}

/** The container's state after it has ended. */
export async function waitForEnd(container: Container): Promise<ContainerInspectInfo['State']> {
  // Not polled: the engine starts a container with a restart policy again at once.
  const hasEnded = async (): Promise<boolean> => {
    await container.wait()
    return true
  }
  await until(hasEnded, waitLimitMs, 'the container ends')
  return (await container.inspect()).State
}

export async function waitForHealth(container: Container, wanted: string): Promise<void> {
  const isAsWanted = async (): Promise<boolean> => {
    const { State } = await container.inspect()
    if (State.Health?.Status === wanted) return true
    if (!State.Running) throw new Error(`The container ended: ${await readLog(container)}`)
    return false
  }
  await until(isAsWanted, waitLimitMs, `the container is ${wanted}`)
}

export async function waitForLog(container: Container, text: string): Promise<void> {
  const hasLogged = async (): Promise<boolean> => {
    // Asked first: what it wrote just before its end is in the log read afterwards.
    const { State } = await container.inspect()
    const log = await readLog(container)
    if (log.includes(text)) return true
    if (!State.Running) throw new Error(`The container ended without "${text}": ${log}`)
    return false
  }
  await until(hasLogged, waitLimitMs, `the log says "${text}"`)
}

export async function readLog(container: Container): Promise<string> {
  return readLastLines(container, 10_000)
}

export interface ExecResult {
  readonly exitCode: number | null
  readonly output: string
}

/** Runs a command in the container, both output streams together. */
export async function exec(container: Container, ...command: readonly string[]): Promise<ExecResult> {
  const execution = await container.exec({ Cmd: [...command], AttachStdout: true, AttachStderr: true })
  const stream = await execution.start({})
  const output = new PassThrough()
  container.modem.demuxStream(stream, output, output)
  stream.once('end', () => output.end())
  const chunks: Buffer[] = []
  for await (const chunk of output) chunks.push(chunk as Buffer)
  const { ExitCode } = await execution.inspect()
  return { exitCode: ExitCode, output: Buffer.concat(chunks).toString('utf8') }
}
