import type { Stack } from '../stack.js'
import { dropDatabase, restoreIntoDatabase } from './database.js'
import { timeStamp } from './names.js'

/** Restores a set into a database of its own, verifies it and removes it again. */
export async function testRestore(stack: Stack, set: string): Promise<void> {
  const database = `restore_test_${timeStamp()}`
  try {
    await restoreIntoDatabase(stack, set, database)
  } finally {
    await dropDatabase(stack.steady, database)
  }
}
