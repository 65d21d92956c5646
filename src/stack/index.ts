/**
 * All that the command line may import of a stack. What has several parts is a namespace, with an index of its own in
 * its folder.
 */

export * as backups from './backup/index.js'
export { changeStack } from './change.js'
export * as checks from './checks/index.js'
export { type DownPlan, planDown, takeDown } from './down.js'
export { showLogs } from './logs.js'
export * as moves from './move/index.js'
export { psqlCommand } from './psql.js'
export { planRepair, type RepairPlan, repairMove } from './repair.js'
export * as restores from './restore/index.js'
export { planRotation, type RotationPlan, rotate } from './rotate.js'
export type { SecretKind } from './secrets/secret-list.js'
export { openStack, type Stack, type StackOptions } from './stack.js'
export { bringUp, previewUp, type UpOptions, type UpResult } from './up.js'
export * as upgrades from './upgrade/index.js'
