import { type Engine, engineError } from './engine.js'
import { oneOffLabel, projectLabel, serviceLabel } from './labels.js'

/** A container with the label of a project, running or not. */
export interface ProjectContainer {
  readonly id: string
  readonly name: string
  /** Name in the networks. */
  readonly service: string
  readonly isOneShot: boolean
  /** Full name of each volume, or path on the host. */
  readonly mounts: readonly { readonly volume: string | undefined; readonly source: string }[]
}

export async function listProjectContainers(engine: Engine, project: string): Promise<ProjectContainer[]> {
  try {
    const filters = { label: [`${projectLabel}=${project}`] }
    const containers = await engine.listContainers({ all: true, filters })
    return containers.map(({ Id, Names, Labels, Mounts }) => ({
      id: Id,
      name: Names[0]?.replace(/^\//, '') ?? Id,
      service: Labels[serviceLabel] ?? '',
      isOneShot: Labels[oneOffLabel] === 'True',
      mounts: Mounts.map(({ Name, Source }) => ({ volume: Name, source: Source })),
    }))
  } catch (error) {
    throw engineError(error, `listing the containers of ${project}`)
  }
}
