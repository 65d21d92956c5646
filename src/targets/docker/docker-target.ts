import { randomBytes } from 'node:crypto'
import type Docker from 'dockerode'
import type { Container } from 'dockerode'
import type { ComposeService } from '../../config/compose-schema.js'
import { recommendSettings } from '../../config/recommended-settings.js'
import { loadServerAlone } from '../../config/stack.js'
import { putSecret, readStats, startContainer } from '../../engine/container.js'
import {
  connectEngine,
  engineError,
  findEngineProblem,
  isStatus,
  readHostSize,
  requireEngine,
} from '../../engine/engine.js'
import { ensureServiceImage } from '../../engine/image.js'
import { ownerLabels, removeContainer, removeOrphans, removeVolume } from '../../engine/owner.js'
import { invalidArgument, SimdgresError, throwIfAborted } from '../../errors.js'
import type {
  ConnectionInfo,
  DeploySettings,
  ServerLimits,
  Target,
  TargetOptions,
  TargetStats,
} from '../target.js'
import { createContainerOptions, serverUser } from './container-options.js'
import { findHostPort, waitUntilReady } from './server.js'

const passwordBytes = 24
const passwordSecret = 'postgres_password'
/** The engine counts processors in billionths. */
const nanoCpusPerCpu = 1e9

/**
 * The postgres service of docker/compose.yaml in a container of its own, through the Docker Engine: same image, limits
 * and hardening as the stack, with volumes, a password and a port that live as long as the run.
 */
export class DockerTarget implements Target {
  readonly id = 'docker'
  readonly resumed: boolean = false
  readonly #options: TargetOptions
  readonly #engine: Docker
  readonly #name = `simdgres-${process.pid}-${randomBytes(4).toString('hex')}`
  readonly #stopping = new AbortController()
  readonly #volumes: string[] = []
  #deployment: Promise<ConnectionInfo> | undefined
  #teardown: Promise<void> | undefined
  #container: Container | undefined
  #memoryPeakBytes = 0
  #limits: ServerLimits | undefined

  constructor(options: TargetOptions) {
    this.#options = options
    this.#engine = connectEngine()
  }

  /** True if the engine of DOCKER_HOST, or of the default socket, answers. */
  static async isEngineUp(): Promise<boolean> {
    return (await findEngineProblem()) === undefined
  }

  /**
   * @throws ERR_UNAVAILABLE (no engine, image cannot be built, server does not start), ERR_RESOURCE (port in use, more
   * processors than the host has), ERR_INVALID_ARGUMENT (compose file, settings), ERR_ABORTED.
   */
  deploy(settings: DeploySettings): Promise<ConnectionInfo> {
    if (this.#deployment) throw invalidArgument('deploy', 'one call for each target', 'a second call')
    const signal = AbortSignal.any([this.#options.signal, this.#stopping.signal])
    this.#deployment = this.#deployOrCleanUp(settings, signal)
    return this.#deployment
  }

  get limits(): ServerLimits | undefined {
    return this.#limits
  }

  async reconfigure(): Promise<ConnectionInfo> {
    throw new SimdgresError('ERR_UNAVAILABLE', 'This target cannot be reconfigured', 'Deploy another one.')
  }

  async stats(): Promise<TargetStats | undefined> {
    if (!this.#container || this.#teardown) return undefined
    try {
      const stats = await readStats(this.#container, this.#memoryPeakBytes)
      this.#memoryPeakBytes = stats.memoryPeakBytes
      return stats
    } catch (error) {
      if (isStatus(error, 404)) {
        throw new SimdgresError(
          'ERR_LOST_CONNECTION',
          `The container ${this.#name} is gone: it was removed from outside`,
          'Start the run again.',
          { cause: error },
        )
      }
      throw engineError(error, 'reading the use of resources')
    }
  }

  /** Shuts the server down, removes the container and its volumes. A call after a failed one tries again. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    // What went wrong there has been told to the caller of deploy.
    await this.#deployment?.catch(() => undefined)
    this.#teardown ??= this.#shutDownAndRemove()
    try {
      await this.#teardown
    } catch (error) {
      this.#teardown = undefined
      throw engineError(error, `removing the container ${this.#name}`)
    }
  }

  async #deployOrCleanUp(settings: DeploySettings, signal: AbortSignal): Promise<ConnectionInfo> {
    try {
      return await this.#deploy(settings, signal)
    } catch (error) {
      const failure = engineError(error, 'deploying the server', signal)
      try {
        // Not gracefully: nothing of value is in it, and a first boot takes a while to end.
        await this.#remove()
      } catch (cleanupError) {
        this.#options.progress.note(
          `${this.#name} could not be removed (${String(cleanupError)}); the next run does it`,
        )
      }
      throw failure
    }
  }

  async #deploy(settings: DeploySettings, signal: AbortSignal): Promise<ConnectionInfo> {
    throwIfAborted(signal)
    const engine = this.#engine
    await requireEngine()
    const service = await loadService(engine, settings)
    await removeOrphans(engine, this.#options.progress)
    const imageId = await ensureServiceImage(engine, service, this.#options.progress, signal)

    const password = randomBytes(passwordBytes).toString('base64url')
    const container = await this.#createContainer(service, settings, imageId, signal)
    await putSecret(container, passwordSecret, password, serverUser)
    throwIfAborted(signal)
    this.#options.progress.note(`starting the container ${this.#name}`)
    await startContainer(container, settings.port)
    const connection: ConnectionInfo = {
      host: '127.0.0.1',
      port: await findHostPort(container),
      user: service.environment['POSTGRES_USER'] || 'postgres',
      password,
      database: service.environment['POSTGRES_DB'] || service.environment['POSTGRES_USER'] || 'postgres',
    }
    await waitUntilReady(container, connection, signal)
    return connection
  }

  async #createContainer(
    service: ComposeService,
    settings: DeploySettings,
    imageId: string,
    signal: AbortSignal,
  ): Promise<Container> {
    const labels = ownerLabels()
    const volumeName = (composeName: string): string => `${this.#name}-${composeName}`
    const secretsVolume = volumeName('secrets')
    const options = createContainerOptions(service, settings, {
      name: this.#name,
      imageId,
      labels,
      volumeName,
      secretsVolume,
    })
    const names = service.volumes.filter(({ isBind }) => !isBind).map(({ source }) => volumeName(source))
    for (const name of [...names, secretsVolume]) {
      throwIfAborted(signal)
      this.#volumes.push(name)
      await this.#engine.createVolume({ Name: name, Labels: labels })
    }
    const { NanoCpus = 0, Memory = 0 } = options.HostConfig ?? {}
    this.#limits = { cpus: NanoCpus / nanoCpusPerCpu, memoryBytes: Memory }
    this.#container = this.#engine.getContainer(this.#name)
    await this.#engine.createContainer(options)
    return this.#container
  }

  async #shutDownAndRemove(): Promise<void> {
    if (this.#container) await stopGracefully(this.#container)
    await this.#remove()
  }

  async #remove(): Promise<void> {
    if (this.#container) await removeContainer(this.#engine, this.#name)
    for (const name of this.#volumes) await removeVolume(this.#engine, name)
    this.#container = undefined
    this.#volumes.length = 0
  }
}

/**
 * With the limits that `simdgres up` gives it on this engine's machine, so that what is measured is what is shipped;
 * variables of the shell and of docker/.env go before them.
 */
async function loadService(engine: Docker, { pgMajor }: DeploySettings): Promise<ComposeService> {
  return loadServerAlone({
    defaults: recommendSettings(await readHostSize(engine)),
    ...(pgMajor !== undefined && { overrides: { PG_MAJOR: String(pgMajor) } }),
  })
}

/** No error where it never ran or is gone. 304: it is not running. */
async function stopGracefully(container: Container): Promise<void> {
  try {
    await container.stop()
  } catch (error) {
    if (!isStatus(error, 304, 404)) throw error
  }
}
