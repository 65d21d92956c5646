import { resolve } from 'node:path'
import { SimdgresError } from '../../errors.js'
import { listDataFolders } from '../services/data-folders.js'
import { folderMount, runOnFolder } from '../services/host-folder.js'
import { databaseService } from '../services/service-names.js'
import type { Stack } from '../stack.js'
import { findPrevious, findPrimary } from './replication.js'

/**
 * Removes the folder below STACK_DATA_DIR that takes the place of the volume `volume`: a full copy of the database that
 * nobody uses. No error if there is none.
 * @throws ERR_CHECK_FAILED if it belongs to a server that is in use or kept, or has a name that neither a move nor a test gives.
 */
export async function removeDataFolder(stack: Stack, volume: string): Promise<void> {
  if (!(await listDataFolders(stack.names)).includes(volume)) return
  const used = [findPrimary(stack).volume, findPrevious(stack)?.volume]
  if (used.includes(volume) || !/^(postgres_data_\d+|restore_test)$/.test(volume)) {
    throw new SimdgresError(
      'ERR_CHECK_FAILED',
      `${volume} is not the folder of an unfinished server: it is not removed`,
      'See simdgres status.',
    )
  }
  const folder = resolve(stack.settings['STACK_DATA_DIR']!)
  const { exitCode, stderr } = await runOnFolder(stack.engine, {
    imageId: await stack.ensureImage(databaseService),
    folder,
    argv: ['/bin/rm', '--recursive', '--force', '--one-file-system', '--', `${folderMount}/${volume}`],
    // Only their owner may enter and change the server's folders.
    capabilities: ['DAC_OVERRIDE'],
    signal: stack.signal,
  })
  if (exitCode === 0) return
  throw new SimdgresError(
    'ERR_RESOURCE',
    `Cannot remove ${folder}/${volume}: ${stderr.trim()}`,
    'Remove that folder yourself.',
  )
}
