/** Moving to another major version, and back. */

export { rollBackUpgrade } from './rollback.js'
export { surveyServer } from './survey.js'
export { type UpgradeReport, upgradeStack } from './upgrade.js'
