/** Restoring backups, and proving that they can be restored. */

export { chooseSet } from '../sets/backup-sets.js'
export {
  dropReadyServer,
  findReadyVolume,
  parseTargetTime,
  restoreToTime,
  resumeServer,
} from './point-in-time.js'
export { dropKeptDatabases, restoreSet, resumeDatabase } from './restore.js'
export { findReadyDatabase, listKeptDatabases } from './swap.js'
export { type VerifyResult, verifyBackups } from './verify.js'
