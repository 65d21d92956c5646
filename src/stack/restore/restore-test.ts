import { throwIfAborted } from '../../errors.js'
import { withLock } from '../../system/file-lock.js'
import { removeDataFolder } from '../move/data-folder-removal.js'
import { prepareDataFolders } from '../services/data-folders.js'
import { databaseService, dataVolume } from '../services/service-names.js'
import { lockPath } from '../settings.js'
import type { Stack } from '../stack.js'
import { restoreIntoDatabase } from './database.js'

const testServer = 'postgres-restore-test'
const testVolume = 'restore_test'
const testDatabase = 'restore_test'

/** Nothing of it outlives the test, so nothing has to reach the disk, and no other server's archive gets its log. */
const command = ['postgres', '-c', 'fsync=off', '-c', 'full_page_writes=off', '-c', 'archive_mode=off']

/**
 * Restores a set into a server of its own, verifies it there and removes both. The server in use does no work for it, and
 * gets none of the set's roles. It needs as much memory and space as that one; two tests at once wait for each other.
 */
export async function testRestore(stack: Stack, set: string): Promise<void> {
  const { steady } = stack
  await withLock(
    `${lockPath(stack.folder)}-restore-test`,
    stack.signal,
    async () => {
      // What a killed test has left.
      await discard(steady)
      try {
        const volumes = { [dataVolume]: testVolume }
        await prepareDataFolders(stack, databaseService, { volumes })
        throwIfAborted(stack.signal)
        stack.progress.note('starting a server for the test')
        await stack.startService(databaseService, {
          name: testServer,
          volumes,
          networks: [],
          restart: 'no',
          command,
        })
        await restoreIntoDatabase(stack, set, testDatabase, testServer)
      } finally {
        await discard(steady)
      }
    },
    { isRequired: true },
  )
}

async function discard(steady: Stack): Promise<void> {
  await steady.removeService(testServer)
  await steady.removeVolume(testVolume)
  await removeDataFolder(steady, testVolume)
}
