import { basename, join, resolve } from 'node:path'
import type { ComposeFile, ComposeService } from '../../config/compose-schema.js'
import { dockerFolder } from '../../config/stack.js'
import type { MountSettings } from '../../engine/service-description.js'
import type { ServiceChanges, StackNames } from './service-changes.js'

/** What a service's volume is on this engine. */
export interface VolumeUse {
  /** A volume of the stack, a folder of the host that replaces one (STACK_DATA_DIR), or any other folder. */
  readonly kind: 'volume' | 'data-folder' | 'folder'
  /** Full name of the volume; absolute path of a folder. */
  readonly source: string
  readonly target: string
  readonly readOnly: boolean
}

/** The volumes of a service, as replaced and extended by `changes`. */
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
