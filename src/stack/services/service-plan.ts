import { createHash } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { ComposeFile, ComposeService } from '../../config/compose-schema.js'
import { dockerFolder } from '../../config/stack.js'
import type { ServicePlan } from '../../engine/apply-plan.js'
import { configLabel, containerLabels } from '../../engine/labels.js'
import {
  type ContainerOptions,
  describeHost,
  describeProcess,
  type EndpointsConfig,
  type MountSettings,
  type PortMap,
  secretsFolder,
} from '../../engine/service-description.js'
import { SimdgresError } from '../../errors.js'
import type { ServiceChanges, StackNames } from './service-changes.js'
import { createMounts, listVolumeUses } from './volumes.js'

/** The engine's create options for a service of the stack, labelled with a hash of them all. */
export function planService(
  serviceName: string,
  changes: ServiceChanges,
  imageId: string,
  names: StackNames,
): ServicePlan {
  const service = applyChanges(names.compose.services[serviceName]!, changes)
  const name = changes.name ?? serviceName
  const endpoints = planEndpoints(service, name, changes.name !== undefined, names.project)
  const [first, ...later] = Object.entries(endpoints)
  const options: ContainerOptions = {
    ...describeProcess(service),
    Image: imageId,
    Labels: { ...service.labels, ...containerLabels(names.project, name, names.folder) },
    ExposedPorts: Object.fromEntries(
      [...service.ports.map(({ containerPort }) => String(containerPort)), ...service.expose].map((port) => [
        `${port}/tcp`,
        {},
      ]),
    ),
    HostConfig: {
      ...describeHost(service),
      RestartPolicy: parseRestart(service.restart),
      Mounts: [
        ...createMounts(listVolumeUses(service, names, changes)),
        ...secretMounts(service, names.compose),
      ],
      PortBindings: planPorts(service),
      // Without a network of its own it would join the engine's default bridge, with every other container.
      NetworkMode: first === undefined ? 'none' : first[0],
    },
    ...(first && { NetworkingConfig: { EndpointsConfig: { [first[0]]: first[1]! } } }),
  }
  const hash = hashPlan(options, later, service, names.compose)
  return {
    options: {
      ...options,
      name: `${names.project}-${name}-1`,
      Labels: { ...options.Labels, [configLabel]: hash },
    },
    laterNetworks: Object.fromEntries(later),
  }
}

function applyChanges(service: ComposeService, changes: ServiceChanges): ComposeService {
  return {
    ...service,
    environment: { ...service.environment, ...changes.environment },
    labels: { ...service.labels, ...changes.labels },
    command: changes.command ? [...changes.command] : service.command,
    entrypoint: changes.entrypoint ? [...changes.entrypoint] : service.entrypoint,
    user: changes.user ?? service.user,
    restart: changes.restart ?? service.restart,
    networks: changes.networks
      ? Object.fromEntries(changes.networks.map((network) => [network, { aliases: [] }]))
      : service.networks,
  }
}

/** A renamed container answers to its new name alone: another one may be using the service's own. */
function planEndpoints(
  service: ComposeService,
  name: string,
  isRenamed: boolean,
  project: string,
): Record<string, EndpointsConfig[string]> {
  return Object.fromEntries(
    Object.entries(service.networks).map(([network, { aliases }]) => [
      `${project}_${network}`,
      { Aliases: isRenamed ? [name] : [...new Set([name, ...aliases])] },
    ]),
  )
}

/** Read-only bind mounts of the files, as compose makes them. */
function secretMounts(service: ComposeService, compose: ComposeFile): MountSettings[] {
  return service.secrets.map(({ source, target }) => ({
    Type: 'bind',
    Source: secretPath(compose, source),
    Target: `${secretsFolder}/${target}`,
    ReadOnly: true,
  }))
}

export function secretPath(compose: ComposeFile, name: string): string {
  return resolve(dockerFolder, compose.secrets[name]!.file)
}

/** Whether a file is not there that `up` makes. */
export function hasMissingSecret(service: ComposeService, compose: ComposeFile): boolean {
  return service.secrets.some(({ source }) => !existsSync(secretPath(compose, source)))
}

function planPorts(service: ComposeService): PortMap {
  return Object.fromEntries(
    service.ports.map(({ hostIp, hostPort, containerPort }) => [
      `${containerPort}/tcp`,
      [{ HostIp: hostIp, HostPort: hostPort }],
    ]),
  )
}

function parseRestart(policy: string): { Name: string; MaximumRetryCount?: number } {
  const [name, count] = policy.split(':')
  return { Name: name!, ...(count !== undefined && { MaximumRetryCount: Number(count) }) }
}

/** A secret that was replaced counts as a change: a running container still has the old file mounted. */
function hashPlan(
  options: ContainerOptions,
  later: unknown,
  service: ComposeService,
  compose: ComposeFile,
): string {
  const secretTimes = service.secrets.map(({ source }) => readChangeTime(secretPath(compose, source)))
  return createHash('sha256')
    .update(JSON.stringify([options, later, secretTimes]))
    .digest('hex')
}

function readChangeTime(path: string): number {
  try {
    return statSync(path).mtimeMs
  } catch (error) {
    throw new SimdgresError(
      'ERR_UNAVAILABLE',
      `The secret ${path} cannot be read`,
      'Run simdgres up, which makes missing secrets; do not change the permissions of its folder.',
      { cause: error },
    )
  }
}

/** Options of a container that runs one command with the service's image, limits and hardening. */
export function planOneShot(
  serviceName: string,
  argv: readonly string[],
  changes: ServiceChanges,
  imageId: string,
  names: StackNames,
  containerName: string,
): ServicePlan {
  const { options, laterNetworks } = planService(serviceName, { ...changes, restart: 'no' }, imageId, names)
  const { Healthcheck: _, ExposedPorts: __, ...kept } = options
  return {
    options: {
      ...kept,
      name: containerName,
      Cmd: [...argv],
      Healthcheck: { Test: ['NONE'] },
      Labels: { ...kept.Labels, 'com.docker.compose.oneoff': 'True' },
      HostConfig: { ...kept.HostConfig, PortBindings: {} },
      OpenStdin: true,
      StdinOnce: true,
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
    },
    laterNetworks,
  }
}
