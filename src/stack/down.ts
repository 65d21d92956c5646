import type Docker from 'dockerode'
import { engineError } from '../targets/docker-engine.js'
import { oneOffLabel, projectLabel, serviceLabel } from './labels.js'
import { removeNetworks } from './networks.js'
import type { Stack } from './project.js'
import { removeStopped, stopContainer } from './services.js'

export interface StackContainer {
  readonly id: string
  readonly name: string
  /** Name in the networks. */
  readonly service: string
  readonly isOneShot: boolean
}

export interface DownPlan {
  readonly containers: readonly StackContainer[]
  /** Short names; empty where data is kept. */
  readonly volumes: readonly string[]
}

export async function listStackContainers(engine: Docker, project: string): Promise<StackContainer[]> {
  try {
    const filters = { label: [`${projectLabel}=${project}`] }
    const containers = await engine.listContainers({ all: true, filters })
    return containers.map(({ Id, Names, Labels }) => ({
      id: Id,
      name: Names[0]?.replace(/^\//, '') ?? Id,
      service: Labels[serviceLabel] ?? '',
      isOneShot: Labels[oneOffLabel] === 'True',
    }))
  } catch (error) {
    throw engineError(error, `listing the containers of ${project}`)
  }
}

export async function planDown(stack: Stack, withVolumes: boolean): Promise<DownPlan> {
  const containers = await listStackContainers(stack.engine, stack.name)
  const isServer = ({ service }: StackContainer): boolean => service.startsWith('postgres')
  return {
    // Servers last: their clients go first, so that nothing of theirs is cut off.
    containers: [...containers].sort((a, b) => Number(isServer(a)) - Number(isServer(b))),
    volumes: withVolumes ? await stack.listVolumes() : [],
  }
}

/** Stops and removes containers and networks. Volumes that the plan does not name, the folder and images stay. */
export async function takeDown(stack: Stack, plan: DownPlan): Promise<void> {
  const total = plan.containers.length
  for (const [done, { id, name }] of plan.containers.entries()) {
    stack.progress.step('stopping services', done, total)
    const container = stack.engine.getContainer(id)
    await stopContainer(container, name)
    await removeStopped(container, name)
    stack.progress.note(`removed ${name}`)
  }
  for (const name of await removeNetworks(stack.engine, stack.name)) {
    stack.progress.note(`removed the network ${name}`)
  }
  for (const name of plan.volumes) {
    await stack.removeVolume(name)
    stack.progress.note(`removed the volume ${stack.volumeName(name)}`)
  }
}
