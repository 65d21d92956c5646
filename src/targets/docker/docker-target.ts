import { randomBytes } from 'node:crypto'
import type { ComposeService } from '../../config/compose-schema.js'
import { recommendSettings } from '../../config/recommended-settings.js'
import { loadServerAlone } from '../../config/stack.js'
import { stopContainer } from '../../engine/apply-plan.js'
import { putSecrets, readStats, startContainer } from '../../engine/container.js'
import {
  connectEngine,
  type Engine,
  engineError,
  findEngineProblem,
  isStatus,
  readHostSize,
  requireEngine,
} from '../../engine/engine.js'
import { execIn } from '../../engine/exec.js'
import { ensureServiceImage, findServiceImage } from '../../engine/images/image.js'
import { claimVolume, removeOrphans } from '../../engine/owner.js'
import { invalidArgument, SimdgresError, throwIfAborted } from '../../errors.js'
import type { ResumeMark } from '../../system/resume-mark.js'
import { hashDeployment } from '../deployment-hash.js'
import { dropScript, readDropped } from '../page-cache.js'
import { describeRefusal } from '../refused-settings.js'
import type {
  ConnectionInfo,
  DeploySettings,
  DroppedPages,
  ServerLimits,
  Target,
  TargetOptions,
  TargetStats,
} from '../target.js'
import { serverUser } from './container-options.js'
import { replacePassword } from './password.js'
import { RunParts, type ServerContainer } from './run-parts.js'
import { findHostPort, waitUntilReady } from './server.js'

const passwordBytes = 24
const passwordSecret = 'postgres_password'

/** A server that runs, or that ran until `reconfigure` tried settings with which it does not start. */
interface Deployment {
  readonly service: ComposeService
  readonly password: string
  /** The last settings with which it started. */
  readonly settings: DeploySettings
}

/**
 * The postgres service of docker/compose.yaml in a container of its own, through the Docker Engine: same image, limits
 * and hardening as the stack, with volumes, a password and a port that live as long as the run.
 */
export class DockerTarget implements Target {
  readonly id = 'docker'
  readonly #options: TargetOptions
  readonly #engine: Engine
  readonly #stopping = new AbortController()
  readonly #signal: AbortSignal
  /** The latest call of `deploy` or `reconfigure`. */
  #pending: Promise<ConnectionInfo> | undefined
  #teardown: Promise<void> | undefined
  #parts: RunParts | undefined
  #server: ServerContainer | undefined
  #deployment: Deployment | undefined
  #resumed = false
  #memoryPeakBytes = 0

  /** @throws ERR_UNAVAILABLE where the environment names an engine that cannot be. */
  constructor(options: TargetOptions) {
    this.#options = options
    this.#signal = AbortSignal.any([options.signal, this.#stopping.signal])
    this.#engine = connectEngine()
  }

  /** True if the engine that docker would use answers. */
  static async isEngineUp(): Promise<boolean> {
    return (await findEngineProblem()) === undefined
  }

  /**
   * @throws ERR_UNAVAILABLE (no engine, image cannot be built, server does not start), ERR_RESOURCE (port in use, more
   * processors than the host has), ERR_INVALID_ARGUMENT (compose file, settings), ERR_ABORTED.
   */
  deploy(settings: DeploySettings): Promise<ConnectionInfo> {
    if (this.#pending) throw invalidArgument('deploy', 'one call for each target', 'a second call')
    this.#pending = this.#deployOrCleanUp(settings)
    return this.#pending
  }

  /** In a new container on the same volumes. */
  reconfigure(settings: DeploySettings): Promise<ConnectionInfo> {
    const former = this.#pending
    const next = async (): Promise<ConnectionInfo> => {
      // If that call failed, its caller was told.
      await former?.catch(() => undefined)
      return this.#reconfigure(settings)
    }
    this.#pending = next()
    return this.#pending
  }

  get limits(): ServerLimits | undefined {
    return this.#server?.limits
  }

  get resumed(): boolean {
    return this.#resumed
  }

  async stats(): Promise<TargetStats | undefined> {
    if (!this.#server || this.#teardown) return undefined
    try {
      const stats = await readStats(this.#server.container, this.#memoryPeakBytes)
      this.#memoryPeakBytes = stats.memoryPeakBytes
      return stats
    } catch (error) {
      if (isStatus(error, 404)) {
        throw new SimdgresError(
          'ERR_LOST_CONNECTION',
          `The container ${this.#server.name} is gone: it was removed from outside`,
          'Start the run again.',
          { cause: error },
        )
      }
      throw engineError(error, 'reading the use of resources')
    }
  }

  async dropPageCache(): Promise<DroppedPages | undefined> {
    if (!this.#server) return undefined
    const { container, name } = this.#server
    const script = `cd "$PGDATA"\n${dropScript}`
    const options = { user: String(serverUser), signal: this.#signal }
    const { exitCode, stdout, stderr } = await execIn(container, name, ['sh', '-c', script], options)
    if (exitCode === 0) return readDropped(stdout)
    this.#options.progress.note(`The files of ${name} stay in the page cache: ${stderr.trim()}`)
    return undefined
  }

  /** Shuts the server down and removes the container and its volumes. If that fails, another call tries again. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#pending?.catch(() => undefined)
    this.#teardown ??= this.#shutDownAndRemove()
    try {
      await this.#teardown
    } catch (error) {
      this.#teardown = undefined
      throw engineError(error, `removing the container ${this.#server?.name ?? 'of the run'}`)
    }
  }

  async #deployOrCleanUp(settings: DeploySettings): Promise<ConnectionInfo> {
    try {
      return await this.#deploy(settings)
    } catch (error) {
      const failure = engineError(error, 'deploying the server', this.#signal)
      try {
        // Not gracefully: it holds nothing of value, and a first boot takes a while to end.
        await this.#remove()
      } catch (cleanupError) {
        const why = cleanupError instanceof Error ? cleanupError.message : String(cleanupError)
        this.#options.progress.note(
          `${this.#parts?.name ?? 'The container'} could not be removed (${why}); the next run does it`,
        )
      }
      throw failure
    }
  }

  async #deploy(settings: DeploySettings): Promise<ConnectionInfo> {
    const { progress, resumeKey } = this.#options
    throwIfAborted(this.#signal)
    await requireEngine()
    const service = await loadService(this.#engine, settings)
    await removeOrphans(this.#engine, progress, resumeKey)
    const imageId = await this.#findImage(service, settings)
    const mark: ResumeMark | undefined =
      resumeKey === undefined
        ? undefined
        : {
            key: resumeKey,
            settings: hashDeployment(imageId, { ...settings, ...limitsOf(service, settings) }),
          }
    const deployment = { service, settings, password: randomBytes(passwordBytes).toString('base64url') }
    const resumed = mark && (await this.#resume(mark, deployment, imageId))
    if (resumed) return resumed

    this.#parts = new RunParts(this.#engine, imageId)
    await this.#parts.createVolumes(service, mark, this.#signal)
    this.#server = await this.#parts.createServer(service, settings)
    return this.#serve(this.#server, deployment)
  }

  async #findImage(service: ComposeService, { image }: DeploySettings): Promise<string> {
    if (image !== undefined && image.context === undefined) return findServiceImage(this.#engine, image.name)
    return ensureServiceImage(this.#engine, service, this.#options.progress, this.#signal)
  }

  /** Undefined if no killed run has left data, or if the server does not start from it; it is removed then. */
  async #resume(
    mark: ResumeMark,
    deployment: Deployment,
    imageId: string,
  ): Promise<ConnectionInfo | undefined> {
    const { progress } = this.#options
    const { service, settings, password } = deployment
    const parts = new RunParts(this.#engine, imageId)
    this.#parts = parts
    const claim = async (volume: string): Promise<void> => {
      parts.adoptData(volume)
      await parts.createVolumes(service, mark, this.#signal)
      this.#server = await parts.createServer(service, settings)
    }
    try {
      const volume = await claimVolume(this.#engine, mark, claim, this.#signal)
      if (volume === undefined || this.#server === undefined) return undefined
      const { user } = loginOf(service)
      const resources = parts.describe(`${parts.name}-password`)
      await replacePassword(this.#engine, service, settings, resources, { user, password }, this.#signal)
      const connection = await this.#serve(this.#server, deployment)
      this.#resumed = true
      progress.note(`going on with the data in the volume ${volume}, left by a run that was killed`)
      return connection
    } catch (error) {
      throwIfAborted(this.#signal)
      await this.#remove()
      const why = error instanceof Error ? error.message : String(error)
      progress.note(`the data that a killed run has left cannot be used, so it is made again: ${why}`)
      return undefined
    }
  }

  async #reconfigure(settings: DeploySettings): Promise<ConnectionInfo> {
    throwIfAborted(this.#signal)
    const [deployment, parts, old] = [this.#deployment, this.#parts, this.#server]
    if (!deployment || !parts || !old) {
      throw new SimdgresError(
        'ERR_INVALID_ARGUMENT',
        'There is no server to reconfigure',
        'Call deploy first.',
      )
    }
    const service = await loadService(this.#engine, settings)
    if (service.image !== deployment.service.image) {
      throw new SimdgresError(
        'ERR_INVALID_ARGUMENT',
        `The data of a server of ${deployment.service.image} cannot be served by ${service.image}`,
        'Deploy another target for another major version.',
      )
    }
    try {
      // Before the old one is removed, because anybody may claim an adopted volume that no container mounts.
      this.#server = await parts.createServer(service, settings)
      await stopContainer(old.container, old.name)
      await parts.removeServer(old)
      this.#memoryPeakBytes = 0
      return await this.#serve(this.#server, { ...deployment, service, settings })
    } catch (error) {
      throw describeRefusal(
        engineError(error, 'restarting the server', this.#signal),
        settings,
        deployment.settings,
      )
    }
  }

  /** Starts the container and resolves when its server answers queries. */
  async #serve({ container, name }: ServerContainer, deployment: Deployment): Promise<ConnectionInfo> {
    const { service, password, settings } = deployment
    throwIfAborted(this.#signal)
    await putSecrets(container, { [passwordSecret]: password }, { uid: serverUser, gid: serverUser })
    throwIfAborted(this.#signal)
    this.#options.progress.note(`starting the container ${name}`)
    await startContainer(container, settings.port)
    const port = await findHostPort(container)
    const connection: ConnectionInfo = { host: '127.0.0.1', port, password, ...loginOf(service) }
    await waitUntilReady(container, connection, this.#signal)
    this.#deployment = deployment
    return connection
  }

  async #shutDownAndRemove(): Promise<void> {
    if (this.#server) await stopContainer(this.#server.container, this.#server.name)
    await this.#remove()
  }

  async #remove(): Promise<void> {
    await this.#parts?.remove()
    this.#server = undefined
    this.#deployment = undefined
  }
}

function loginOf({ environment }: ComposeService): { user: string; database: string } {
  const user = environment['POSTGRES_USER'] || 'postgres'
  return { user, database: environment['POSTGRES_DB'] || user }
}

/** The limits that apply: the caller's, or those of this machine and docker/.env. */
function limitsOf(service: ComposeService, { memoryBytes, cpus }: DeploySettings): DeploySettings {
  const [memory, processors] = [memoryBytes ?? service.mem_limit, cpus ?? service.cpus]
  return {
    ...(memory !== undefined && { memoryBytes: memory }),
    ...(processors !== undefined && { cpus: processors }),
  }
}

/**
 * The service with the limits that `simdgres up` would give it on the engine's machine, so that what is measured is what is
 * shipped. Variables of the shell and of docker/.env take precedence.
 */
async function loadService(engine: Engine, { pgMajor, image }: DeploySettings): Promise<ComposeService> {
  const service = loadServerAlone({
    defaults: recommendSettings(await readHostSize(engine)),
    ...(pgMajor !== undefined && { overrides: { PG_MAJOR: String(pgMajor) } }),
  })
  if (image === undefined) return service
  const { name, context = service.build.context } = image
  return { ...service, image: name, build: { ...service.build, context } }
}
