import { randomBytes } from 'node:crypto'
import type { ComposeService } from '../../config/compose-schema.js'
import { createContainer } from '../../engine/container.js'
import type { Container, Engine } from '../../engine/engine.js'
import { ownerLabels, removeContainer, removeVolume, resumeLabels } from '../../engine/owner.js'
import { createVolume } from '../../engine/volumes.js'
import { throwIfAborted } from '../../errors.js'
import type { ResumeMark } from '../../system/resume-mark.js'
import type { DeploySettings, ServerLimits } from '../target.js'
import { createContainerOptions, dataVolume, type RunResources } from './container-options.js'

/** The engine counts processors in billionths. */
const nanoCpusPerCpu = 1e9

export interface ServerContainer {
  readonly name: string
  readonly container: Container
  readonly limits: ServerLimits
}

/**
 * Everything that a run owns at the engine, under names that nobody else uses: its volumes, and the containers that serve
 * from them one after the other.
 */
export class RunParts {
  readonly name = `simdgres-${process.pid}-${randomBytes(4).toString('hex')}`
  readonly #engine: Engine
  readonly #imageId: string
  readonly #labels = ownerLabels()
  readonly #containers = new Set<string>()
  /** The engine's names by those of the compose file. */
  readonly #volumes = new Map<string, string>()
  #generation = 0

  constructor(engine: Engine, imageId: string) {
    this.#engine = engine
    this.#imageId = imageId
  }

  /** Makes what `createServer` mounts: the secrets, the service's volumes, and the data unless it was adopted. */
  async createVolumes(
    service: ComposeService,
    mark: ResumeMark | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const names = service.volumes.filter(({ isBind }) => !isBind).map(({ source }) => source)
    for (const name of ['secrets', ...names].filter((name) => !this.#volumes.has(name))) {
      throwIfAborted(signal)
      const labels = { ...this.#labels, ...(mark && name === dataVolume && resumeLabels(mark)) }
      this.#volumes.set(name, this.#nameVolume(name))
      await createVolume(this.#engine, this.#nameVolume(name), labels)
    }
  }

  /** Makes `createServer` mount the data of another run. From then on, this run removes it. */
  adoptData(volume: string): void {
    this.#volumes.set(dataVolume, volume)
  }

  /** Does not start it: the previous one may still run. */
  async createServer(service: ComposeService, settings: DeploySettings): Promise<ServerContainer> {
    this.#generation++
    const name = this.#generation === 1 ? this.name : `${this.name}-${this.#generation}`
    const options = createContainerOptions(service, settings, this.describe(name))
    const { NanoCpus = 0, Memory = 0 } = options.HostConfig ?? {}
    this.#containers.add(name)
    const container = await createContainer(this.#engine, options)
    return { name, container, limits: { cpus: NanoCpus / nanoCpusPerCpu, memoryBytes: Memory } }
  }

  describe(containerName: string): RunResources {
    return {
      name: containerName,
      imageId: this.#imageId,
      labels: this.#labels,
      volumeName: (name) => this.#volumes.get(name) ?? this.#nameVolume(name),
      secretsVolume: this.#nameVolume('secrets'),
    }
  }

  /** Kills it if it runs. */
  async removeServer({ name }: ServerContainer): Promise<void> {
    await removeContainer(this.#engine, name)
    this.#containers.delete(name)
  }

  async remove(): Promise<void> {
    for (const name of this.#containers) await removeContainer(this.#engine, name)
    this.#containers.clear()
    for (const name of this.#volumes.values()) await removeVolume(this.#engine, name)
    this.#volumes.clear()
  }

  #nameVolume(name: string): string {
    return `${this.name}-${name}`
  }
}
