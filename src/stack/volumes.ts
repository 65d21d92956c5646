import { mkdir } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import type Docker from 'dockerode'
import type { MountSettings } from 'dockerode'
import type { ComposeFile, ComposeService } from '../config/compose-schema.js'
import { dockerFolder } from '../config/stack.js'
import { SimdgresError } from '../errors.js'
import { engineError, isStatus } from '../targets/docker-engine.js'
import { projectLabel, volumeLabels } from './labels.js'
import type { ServiceChanges } from './project.js'
import type { StackNames } from './service-options.js'

/** What a service's volume is on this engine. */
export interface VolumeUse {
  /** A volume of the stack, a folder of the host that takes the place of one (STACK_DATA_DIR), or any other folder. */
  readonly kind: 'volume' | 'data-folder' | 'folder'
  /** Full name of the volume; absolute path of a folder. */
  readonly source: string
  readonly target: string
  readonly readOnly: boolean
}

/** The volumes of a service, with those that `changes` puts in place of others or adds. */
export function listVolumeUses(
  service: ComposeService,
  { project, dataFolder, compose }: Pick<StackNames, 'project' | 'dataFolder' | 'compose'>,
  changes: ServiceChanges = {},
): VolumeUse[] {
  const own = service.volumes.map(({ source, target, readOnly, isBind }): VolumeUse => {
    if (!isBind) {
      const other = changes.volumes?.[source]
      const fullName = other === undefined ? fullVolumeName(source, compose, project) : `${project}_${other}`
      return { kind: 'volume', source: fullName, target, readOnly }
    }
    const path = resolve(dockerFolder, source)
    if (dataFolder === undefined || !path.startsWith(`${resolve(dataFolder)}/`)) {
      return { kind: 'folder', source: path, target, readOnly }
    }
    const other = changes.volumes?.[basename(path)]
    const folder = other === undefined ? path : join(resolve(dataFolder), other, basename(path))
    return { kind: 'data-folder', source: folder, target, readOnly }
  })
  const extra = (changes.mounts ?? []).map(({ source, target, readOnly = false }): VolumeUse => {
    return source.startsWith('/')
      ? { kind: 'folder', source, target, readOnly }
      : { kind: 'volume', source: `${project}_${source}`, target, readOnly }
  })
  return [...own, ...extra]
}

/** The engine's name for a volume of the compose file. */
function fullVolumeName(key: string, compose: ComposeFile, project: string): string {
  return compose.volumes[key]?.name ?? `${project}_${key}`
}

export function createMounts(uses: readonly VolumeUse[]): MountSettings[] {
  return uses.map(({ kind, source, target, readOnly }) => ({
    Type: kind === 'volume' ? 'volume' : 'bind',
    Source: source,
    Target: target,
    ReadOnly: readOnly,
  }))
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
    // The engine answers with the present volume where there is one.
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

export async function makeFolder(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode })
  } catch (error) {
    throw new SimdgresError(
      'ERR_RESOURCE',
      `Cannot make the folder ${path}`,
      'Check permissions and space.',
      {
        cause: error,
      },
    )
  }
}
