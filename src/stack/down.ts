import { removeStopped, stopContainer } from '../engine/apply-plan.js'
import { removeNetworks } from '../engine/networks.js'
import { listProjectContainers, type ProjectContainer } from '../engine/project-containers.js'
import { databaseService } from './services/service-names.js'
import type { Stack } from './stack.js'

export interface DownPlan {
  readonly containers: readonly ProjectContainer[]
  /** Short names; empty where data is kept. */
  readonly volumes: readonly string[]
}

export async function planDown(stack: Stack, withVolumes: boolean): Promise<DownPlan> {
  const containers = await listProjectContainers(stack.engine, stack.name)
  return {
    // Clients first, the server last, so that no client's work is cut off.
    containers: [...containers].sort((a, b) => Number(isServer(stack, a)) - Number(isServer(stack, b))),
    volumes: withVolumes ? await stack.listVolumes() : [],
  }
}

/** The database under any of its names. One other service, postgres-exporter, has a name that begins the same way. */
function isServer(stack: Stack, { service }: ProjectContainer): boolean {
  return (
    service === databaseService || (service.startsWith(databaseService) && !stack.compose.services[service])
  )
}

/** Stops and removes containers and networks. Volumes that the plan does not name, the folder and images stay. */
export async function takeDown(stack: Stack, plan: DownPlan): Promise<void> {
  const total = plan.containers.length
  let done = 0
  const remove = async ({ id, name }: ProjectContainer): Promise<void> => {
    const container = stack.engine.getContainer(id)
    await stopContainer(container, name)
    await removeStopped(container, name)
    done += 1
    stack.progress.step('stopping services', done, total)
    stack.progress.note(`removed ${name}`)
  }
  // Waits for all before it throws: the others must not go on unseen.
  const clients = plan.containers.filter((container) => !isServer(stack, container))
  const outcomes = await Promise.allSettled(clients.map(remove))
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  for (const container of plan.containers.filter((container) => isServer(stack, container))) {
    await remove(container)
  }
  for (const name of await removeNetworks(stack.engine, stack.name)) {
    stack.progress.note(`removed the network ${name}`)
  }
  for (const name of plan.volumes) {
    await stack.removeVolume(name)
    stack.progress.note(`removed the volume ${stack.volumeName(name)}`)
  }
}
