import type Docker from 'dockerode'
import { SimdgresError } from '../errors.js'
import { engineError, isStatus } from './engine.js'
import { projectLabel, volumeLabels } from './labels.js'

/** Makes a volume unless there is one of that name. */
export async function createVolume(
  engine: Docker,
  name: string,
  labels: Readonly<Record<string, string>>,
): Promise<void> {
  try {
    await engine.createVolume({ Name: name, Labels: { ...labels } })
  } catch (error) {
    throw engineError(error, `creating the volume ${name}`)
  }
}

/** Makes a volume of the stack unless it is there. @throws ERR_RESOURCE where another project has one of this name. */
export async function ensureVolume(
  engine: Docker,
  project: string,
  fullName: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<string> {
  const name = fullName.startsWith(`${project}_`) ? fullName.slice(project.length + 1) : fullName
  try {
    // If the volume exists, the engine returns it unchanged.
    await engine.createVolume({ Name: fullName, Labels: { ...labels, ...volumeLabels(project, name) } })
    const { Labels } = await engine.getVolume(fullName).inspect()
    if (Labels?.[projectLabel] === project) return fullName
    throw new SimdgresError(
      'ERR_RESOURCE',
      `The volume ${fullName} exists and does not belong to the stack ${project}`,
      `Choose another name with --project, or see what it is: docker volume inspect ${fullName}`,
    )
  } catch (error) {
    throw engineError(error, `creating the volume ${fullName}`)
  }
}

/** Short names of the stack's volumes. */
export async function listStackVolumes(engine: Docker, project: string): Promise<string[]> {
  try {
    const filters = { label: [`${projectLabel}=${project}`] }
    const { Volumes } = await engine.listVolumes({ filters })
    return (Volumes ?? []).map(({ Name }) => Name.slice(project.length + 1)).sort()
  } catch (error) {
    throw engineError(error, 'listing volumes')
  }
}

/** No error where it is gone. @throws ERR_RESOURCE where a container uses it. */
export async function removeStackVolume(engine: Docker, fullName: string): Promise<void> {
  try {
    await engine.getVolume(fullName).remove()
  } catch (error) {
    if (!isStatus(error, 404)) throw engineError(error, `removing the volume ${fullName}`)
  }
}
