/** Making and listing backups. */

export { type Backup, listBackups } from '../sets/backup-sets.js'
export { type BackupRequest, type BackupResult, makeBackup, planRemovals } from './backup.js'
export { type ExportResult, exportSet } from './export.js'
