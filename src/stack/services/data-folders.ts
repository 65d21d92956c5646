import { readdir, stat } from 'node:fs/promises'
import { dirname, relative, resolve } from 'node:path'
import { SimdgresError } from '../../errors.js'
import { makeFolder } from '../../system/folder.js'
import type { ServiceChanges, Stack } from '../project.js'
import { changeOwners } from './ownership.js'
import { listVolumeUses } from './volumes.js'

function dataFolderOf({ settings }: Stack): string | undefined {
  return settings['STACK_DATA_DIR'] || undefined
}

/** Makes the folders below STACK_DATA_DIR for a service: named volumes take their owner from the image, they do not. */
export async function prepareDataFolders(
  stack: Stack,
  service: string,
  changes: ServiceChanges = {},
): Promise<void> {
  const { name: project, compose } = stack
  const dataFolder = dataFolderOf(stack)
  const body = compose.services[service]!
  const owner = Number((body.user ?? '0').split(':')[0])
  for (const { kind, source, readOnly } of listVolumeUses(body, { project, dataFolder, compose }, changes)) {
    if (kind !== 'data-folder' || readOnly) continue
    await makeFolder(source, 0o700)
    if ((await stat(source)).uid === owner) continue
    const parent = dirname(source)
    const imageId = changes.image ?? (await stack.ensureImage(service))
    await changeOwners(
      stack.engine,
      imageId,
      parent,
      [{ path: relative(parent, source), owner }],
      stack.signal,
    )
  }
}

/** Names of what takes the place of volumes of the database below STACK_DATA_DIR; none without that setting. */
export async function listDataFolders(stack: Stack): Promise<string[]> {
  const folder = dataFolderOf(stack)
  if (folder === undefined) return []
  try {
    return await readdir(resolve(folder))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new SimdgresError('ERR_RESOURCE', `Cannot read ${folder}`, 'Check its permissions.', {
      cause: error,
    })
  }
}
