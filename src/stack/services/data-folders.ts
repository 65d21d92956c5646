import { readdir, stat } from 'node:fs/promises'
import { dirname, relative, resolve } from 'node:path'
import { secondRepositoryMount, secondRepositorySetting } from '../../config/second-repository.js'
import type { Engine } from '../../engine/engine.js'
import { SimdgresError } from '../../errors.js'
import { makeFolder } from '../../system/folder.js'
import { changeOwners } from './ownership.js'
import type { ServiceChanges, StackNames } from './service-changes.js'
import { listVolumeUses } from './volumes.js'

/** What making folders needs of a stack. */
interface FolderStack {
  readonly names: StackNames
  readonly engine: Engine
  readonly signal: AbortSignal
  ensureImage(service: string): Promise<string>
}

/** Makes a service's folders below STACK_DATA_DIR, and that of the second repository. A named volume takes its owner from the image; a folder does not. */
export async function prepareDataFolders(
  stack: FolderStack,
  service: string,
  changes: ServiceChanges = {},
): Promise<void> {
  const { names, engine, signal } = stack
  const body = names.compose.services[service]!
  const owner = Number((body.user ?? '0').split(':')[0])
  for (const { kind, source, target, readOnly } of listVolumeUses(body, names, changes)) {
    const isSecond = target === secondRepositoryMount
    if (readOnly || (kind !== 'data-folder' && !isSecond)) continue
    if (isSecond) await requireParent(source)
    await makeFolder(source, 0o700)
    if ((await stat(source)).uid === owner) continue
    const parent = dirname(source)
    const imageId = changes.image ?? (await stack.ensureImage(service))
    await changeOwners(engine, imageId, parent, [{ path: relative(parent, source), owner }], signal)
  }
}

/** A path of several folders that are all missing is a disk that is not mounted, or a mistake in writing. */
async function requireParent(folder: string): Promise<void> {
  const parent = dirname(folder)
  try {
    if ((await stat(parent)).isDirectory()) return
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw cannotRead(parent, error)
  }
  throw new SimdgresError(
    'ERR_UNAVAILABLE',
    `${secondRepositorySetting}: there is no folder ${parent}`,
    'Mount the disk, or correct the path in .env.',
  )
}

function cannotRead(path: string, cause: unknown): SimdgresError {
  return new SimdgresError('ERR_RESOURCE', `Cannot read ${path}`, 'Check its permissions.', { cause })
}

/** Names of the folders below STACK_DATA_DIR that take the place of volumes; none without that setting. */
export async function listDataFolders({ dataFolder }: StackNames): Promise<string[]> {
  if (dataFolder === undefined) return []
  try {
    return await readdir(resolve(dataFolder))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw cannotRead(dataFolder, error)
  }
}
