/**
 * All that the command line may import of a stack. What has several parts is a namespace: a file, or a folder with an index
 * of its own.
 */

export * as backups from './backup/index.js'
export { changeStack } from './change.js'
export * as checks from './checks/index.js'
export { type DownPlan, planDown, takeDown } from './down.js'
export { showLogs } from './logs.js'
export * as moves from './move/index.js'
export { psqlCommand } from './psql.js'
export * as repairs from './repair.js'
export * as restores from './restore/index.js'
export * as rotations from './rotate.js'
export { openStack, type Stack, type StackOptions } from './stack.js'
export { bringUp, previewUp, type UpOptions, type UpResult } from './up.js'
export * as upgrades from './upgrade/index.js'
