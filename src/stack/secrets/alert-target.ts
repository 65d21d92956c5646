import { alertTargetFile, readAlertTarget } from '../../config/alert-target.js'
import type { SecretsOutcome } from './secrets.js'
import { ensureServiceFile } from './service-file.js'

const owner = 993

/** Writes what Alertmanager reads. Not in its environment, which the engine shows. */
export async function ensureAlertTarget(
  folder: string,
  settings: Readonly<Record<string, string>>,
): Promise<SecretsOutcome> {
  const url = readAlertTarget(settings)
  if (url === undefined) return { made: [], toOwn: [] }
  return ensureServiceFile(folder, { path: alertTargetFile, owner }, url.href)
}
