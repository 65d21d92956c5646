/** Moving to another major version, and back. */

export { planRollback, rollBackUpgrade } from './rollback.js'
export { surveyServer } from './survey.js'
export { type UpgradeReport, upgradeStack } from './upgrade.js'
