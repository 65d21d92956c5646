import type Docker from 'dockerode'
import type { Container, ContainerCreateOptions, EndpointsConfig } from 'dockerode'
import { SimdgresError, throwIfAborted } from '../errors.js'
import { describeEngineError, engineError, isStatus } from './engine.js'
import { configLabel, folderLabel } from './labels.js'
import { releaseEndpoint } from './networks.js'

export interface ServicePlan {
  readonly options: ContainerCreateOptions & { readonly name: string }
  /** Networks to join between creation and start: the engine accepts only one at creation. */
  readonly laterNetworks: Readonly<Record<string, EndpointsConfig[string]>>
}

/** What it took to get the planned container. */
export type ServiceChange = 'created' | 'recreated' | 'started' | 'unchanged'

export async function findContainer(engine: Docker, name: string): Promise<Container | undefined> {
  const container = engine.getContainer(name)
  try {
    await container.inspect()
    return container
  } catch (error) {
    if (isStatus(error, 404)) return undefined
    throw engineError(error, `looking for the container ${name}`)
  }
}

/** What `applyPlan` would do with the container that exists. */
export async function previewPlan(present: Container, plan: ServicePlan): Promise<ServiceChange> {
  const { Config, State } = await present.inspect()
  refuseForeign(plan.options.name, Config.Labels, plan)
  if (Config.Labels[configLabel] !== plan.options.Labels?.[configLabel]) return 'recreated'
  return State.Running ? 'unchanged' : 'started'
}

/** Makes sure that the planned container runs: creates it, replaces one made from other settings, or starts it. */
export async function applyPlan(
  engine: Docker,
  plan: ServicePlan,
  signal: AbortSignal,
): Promise<{ container: Container; change: ServiceChange }> {
  const { name } = plan.options
  throwIfAborted(signal)
  const present = await findContainer(engine, name)
  if (present) {
    const change = await previewPlan(present, plan)
    if (change === 'started') await startCreated(engine, present, name)
    if (change !== 'recreated') return { container: present, change }
    await stopContainer(present, name)
    await removeStopped(present, name)
  }
  const container = await create(engine, plan)
  await startCreated(engine, container, name)
  return { container, change: present ? 'recreated' : 'created' }
}

/** A stack of the same name in another folder has other secrets and settings: it must not be taken over. */
function refuseForeign(name: string, labels: Readonly<Record<string, string>>, plan: ServicePlan): void {
  const folder = plan.options.Labels?.[folderLabel]
  if (labels[folderLabel] === folder) return
  throw new SimdgresError(
    'ERR_RESOURCE',
    `The container ${name} belongs to ${labels[folderLabel] ?? 'something else'}, not to the stack in ${folder}`,
    'Use that folder (--dir), or another name (--project).',
  )
}

/** Creates the container and joins its networks, but does not start it. */
export async function create(engine: Docker, { options, laterNetworks }: ServicePlan): Promise<Container> {
  try {
    const container = await engine.createContainer(options)
    for (const [network, endpoint] of Object.entries(laterNetworks)) {
      await engine.getNetwork(network).connect({ Container: container.id, EndpointConfig: endpoint })
    }
    return container
  } catch (error) {
    throw engineError(error, `creating the container ${options.name}`)
  }
}

/**
 * Starts a container as it was made. No error where it runs.
 * @param mayRetry once more, after a name that the engine kept was set free.
 */
export async function startCreated(
  engine: Docker,
  container: Container,
  name: string,
  mayRetry = true,
): Promise<void> {
  try {
    await container.start()
  } catch (error) {
    if (isStatus(error, 304)) return
    const message = describeEngineError(error)
    const stale = /endpoint with name (\S+) already exists in network (\S+)/.exec(message)
    if (stale && mayRetry) {
      await releaseEndpoint(engine, stale[2]!, stale[1]!)
      return startCreated(engine, container, name, false)
    }
    if (/port is already allocated|address already in use/.test(message)) {
      throw new SimdgresError(
        'ERR_RESOURCE',
        `${name} cannot publish its port: ${message}`,
        'Stop what uses the port, or set another STACK_PORT in .env.',
        { cause: error },
      )
    }
    throw engineError(error, `starting the container ${name}`)
  }
}

/** Stops it gracefully: the service's stop signal, then its grace period. Not an error if it is down or gone. */
export async function stopContainer(container: Container, name: string): Promise<void> {
  try {
    await container.stop()
  } catch (error) {
    if (!isStatus(error, 304, 404)) throw engineError(error, `stopping the container ${name}`)
  }
}

/** Keeps its volumes. */
export async function removeStopped(container: Container, name: string): Promise<void> {
  try {
    await container.remove({ force: true })
  } catch (error) {
    if (!isStatus(error, 404, 409)) throw engineError(error, `removing the container ${name}`)
  }
}
