import type Docker from 'dockerode'
import type { ComposeNetwork } from '../config/compose-schema.js'
import { SimdgresError } from '../errors.js'
import { engineError, isStatus } from './engine.js'
import { networkLabels, projectLabel } from './labels.js'

/**
 * Makes a network of the stack unless it is there.
 * @throws ERR_RESOURCE where the one that is there is not the stack's, or is open although it has to be internal.
 */
export async function ensureNetwork(
  engine: Docker,
  project: string,
  name: string,
  network: ComposeNetwork,
): Promise<void> {
  const fullName = `${project}_${name}`
  const present = await findNetwork(engine, fullName)
  if (present) {
    if (present.Labels?.[projectLabel] === project && present.Internal === network.internal) return
    throw new SimdgresError(
      'ERR_RESOURCE',
      `The network ${fullName} exists and is not as docker/compose.yaml describes it`,
      `Remove it (simdgres down, docker network rm ${fullName}), or choose another name with --project.`,
    )
  }
  try {
    await engine.createNetwork({
      Name: fullName,
      // Without this, two calls at once would make two networks of the same name.
      CheckDuplicate: true,
      Driver: network.driver,
      Internal: network.internal,
      Options: network.driver_opts,
      Labels: { ...network.labels, ...networkLabels(project, name) },
      ...(network.ipam && {
        IPAM: { Config: network.ipam.config.map(({ subnet }) => ({ Subnet: subnet })) },
      }),
    })
  } catch (error) {
    throw engineError(error, `creating the network ${fullName}`)
  }
}

async function findNetwork(engine: Docker, fullName: string) {
  try {
    return await engine.getNetwork(fullName).inspect()
  } catch (error) {
    if (isStatus(error, 404)) return undefined
    throw engineError(error, `looking for the network ${fullName}`)
  }
}

/**
 * Removes a name from a network. If a container is removed while it is starting or stopping, the engine can keep its
 * endpoint, which blocks both the name and the removal of the network.
 */
export async function releaseEndpoint(engine: Docker, network: string, name: string): Promise<void> {
  try {
    await engine.getNetwork(network).disconnect({ Container: name, Force: true })
  } catch (error) {
    if (!isStatus(error, 404)) throw engineError(error, `taking ${name} out of the network ${network}`)
  }
}

/** Releases the endpoints of containers that no longer exist. */
async function releaseStaleEndpoints(engine: Docker, network: string): Promise<void> {
  const { Containers = {} } = (await engine.getNetwork(network).inspect()) as {
    Containers?: Record<string, { Name: string }>
  }
  for (const [id, { Name }] of Object.entries(Containers)) {
    const exists = await engine
      .getContainer(id)
      .inspect()
      .then(
        () => true,
        (error: unknown) => !isStatus(error, 404),
      )
    if (!exists) await releaseEndpoint(engine, network, Name)
  }
}

/** Removes the stack's networks. */
export async function removeNetworks(engine: Docker, project: string): Promise<string[]> {
  try {
    const networks = await engine.listNetworks({ filters: { label: [`${projectLabel}=${project}`] } })
    for (const { Id } of networks) {
      await releaseStaleEndpoints(engine, Id).catch((error: unknown) => {
        if (!isStatus(error, 404)) throw error
      })
      await engine
        .getNetwork(Id)
        .remove()
        .catch((error: unknown) => {
          if (!isStatus(error, 404)) throw error
        })
    }
    return networks.map(({ Name }) => Name)
  } catch (error) {
    throw engineError(error, 'removing networks')
  }
}
