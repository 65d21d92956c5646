/** Restoring backups, and proving that they can be restored. */

export { chooseSet } from '../sets/backup-sets.js'
export { parseTargetTime, restoreToTime } from './point-in-time.js'
export { dropKeptDatabases, restoreSet } from './restore.js'
export { listKeptDatabases } from './swap.js'
export { type VerifyResult, verifyBackups } from './verify.js'
