import { resolve } from 'node:path'
import type { ContainerCreateOptions, HostConfig, MountSettings } from 'dockerode'
import { parseByteSize } from '../../config/byte-size.js'
import type { ComposeService } from '../../config/compose-schema.js'
import { dockerFolder } from '../../config/stack.js'
import { describeHost, describeProcess, secretsFolder } from '../../engine/service-description.js'
import { invalidArgument } from '../../errors.js'
import type { DeploySettings } from '../target.js'

/** What a run puts in place of names that the stack would own. */
export interface RunResources {
  readonly name: string
  readonly imageId: string
  readonly labels: Readonly<Record<string, string>>
  /** Volume of the engine for a volume of the compose file. */
  readonly volumeName: (composeName: string) => string
  /** Volume that holds the secrets as files, mounted where compose mounts them. */
  readonly secretsVolume: string
}

export const serverPort = 5432
/** uid and gid of the server in the image. */
export const serverUser = 999

/** /dev/shm holds more than maintenance_work_mem alone: a query's own shared segments. */
const shmMarginBytes = 64 * 1024 ** 2
const parameterName = /^[a-z_][a-z0-9_.]*$/i

/**
 * Create options of the engine for a service of the compose file, key by key, with a run's settings in place of the
 * file's. Three things differ from the stack: names are the run's own, the port is a free one unless one is given,
 * and a server that crashes stays down, so that the crash is seen.
 * @throws ERR_INVALID_ARGUMENT for settings that make no sense.
 */
export function createContainerOptions(
  service: ComposeService,
  settings: DeploySettings,
  run: RunResources,
): ContainerCreateOptions {
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
    // Of the stack's size, which may be more than this machine has, or the run was given.
    mem_reservation: undefined,
  }
}

/** A parallel index build puts maintenance_work_mem into /dev/shm; PostgreSQL reports an error where it is smaller. */
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
