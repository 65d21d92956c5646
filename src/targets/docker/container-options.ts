import { resolve } from 'node:path'
import { parseByteSize } from '../../config/byte-size.js'
import type { ComposeService } from '../../config/compose-schema.js'
import { dockerFolder } from '../../config/stack.js'
import {
  type ContainerOptions,
  describeHost,
  describeProcess,
  type HostConfig,
  type MountSettings,
  secretsFolder,
} from '../../engine/service-description.js'
import { invalidArgument } from '../../errors.js'
import type { DeploySettings } from '../target.js'

/** A run's own names, in place of the stack's. */
export interface RunResources {
  readonly name: string
  readonly imageId: string
  readonly labels: Readonly<Record<string, string>>
  /** The engine's volume for a volume of the compose file. */
  readonly volumeName: (composeName: string) => string
  /** Volume that holds the secrets as files, mounted where compose mounts them. */
  readonly secretsVolume: string
}

export const serverPort = 5432
/** The compose file's name of the volume with the database. */
export const dataVolume = 'postgres_data'
/** uid and gid of the server in the image. */
export const serverUser = 999

/** For the shared segments of queries, which need /dev/shm beside maintenance_work_mem. */
const shmMarginBytes = 64 * 1024 ** 2
const parameterName = /^[a-z_][a-z0-9_.]*$/i

/**
 * The engine's create options for a service of the compose file, with a run's settings in place of the file's. Three
 * things differ from the stack: the names are the run's own, the port is a free one unless one is given, and a server
 * that crashes stays down, so that the crash is noticed.
 * @throws ERR_INVALID_ARGUMENT for settings that make no sense.
 */
export function createContainerOptions(
  service: ComposeService,
  settings: DeploySettings,
  run: RunResources,
): ContainerOptions & { readonly name: string } {
  const fitted = fitService(service, settings)
  return {
    ...describeProcess(fitted),
    name: run.name,
    Image: run.imageId,
    Cmd: [...(service.command ?? ['postgres']), ...parameterArguments(settings.parameters ?? {})],
    Labels: { ...service.labels, ...run.labels },
    ExposedPorts: { [`${serverPort}/tcp`]: {} },
    HostConfig: {
      ...describeHost(fitted),
      RestartPolicy: { Name: 'no' },
      Mounts: createMounts(service, run),
      PortBindings: createPortBindings(settings.port),
    },
  }
}

/** The service with a run's limits and instruction set. */
function fitService(service: ComposeService, settings: DeploySettings): ComposeService {
  const { memoryBytes, cpus, isa } = settings
  return {
    ...service,
    environment: { ...service.environment, ...(isa !== undefined && { SIMDGRES_ISA: isa }) },
    mem_limit: memoryBytes ?? service.mem_limit,
    memswap_limit: memoryBytes ?? service.memswap_limit,
    cpus: cpus ?? service.cpus,
    shm_size: chooseShmBytes(service, settings),
    // Sized for the stack: it may exceed what this machine has, or what the run was given.
    mem_reservation: undefined,
  }
}

/** A parallel index build puts maintenance_work_mem into /dev/shm; PostgreSQL fails if that is smaller. */
function chooseShmBytes(service: ComposeService, settings: DeploySettings): number | undefined {
  const maintenance =
    settings.parameters?.['maintenance_work_mem'] ?? service.environment['POSTGRES_MAINTENANCE_WORK_MEM']
  if (!maintenance) return service.shm_size
  const neededBytes = parseByteSize(maintenance, 'maintenance_work_mem') + shmMarginBytes
  return Math.max(service.shm_size ?? 0, neededBytes)
}

function createMounts(service: ComposeService, run: RunResources): MountSettings[] {
  const mounts = service.volumes.map(
    ({ source, target, readOnly, isBind }): MountSettings => ({
      Type: isBind ? 'bind' : 'volume',
      Source: isBind ? resolve(dockerFolder, source) : run.volumeName(source),
      Target: target,
      ReadOnly: readOnly,
    }),
  )
  if (service.secrets.length > 0) {
    mounts.push({ Type: 'volume', Source: run.secretsVolume, Target: secretsFolder, ReadOnly: false })
  }
  return mounts
}

/** Always on the loopback only; without `port`, the engine picks a free one. */
function createPortBindings(port: number | undefined): HostConfig['PortBindings'] {
  if (port !== undefined && !(Number.isInteger(port) && port >= 1 && port <= 65535)) {
    throw invalidArgument('port', 'a whole number from 1 to 65535', port)
  }
  return {
    [`${serverPort}/tcp`]: [{ HostIp: '127.0.0.1', HostPort: port === undefined ? '' : String(port) }],
  }
}

function parameterArguments(parameters: Readonly<Record<string, string>>): string[] {
  return Object.entries(parameters).flatMap(([name, value]) => {
    if (!parameterName.test(name)) throw invalidArgument('parameters', 'PostgreSQL parameter names', name)
    return ['-c', `${name}=${value}`]
  })
}
