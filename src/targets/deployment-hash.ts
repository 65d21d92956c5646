import { createHash } from 'node:crypto'
import type { DeploySettings } from './target.js'

/**
 * Hash over all that has to be the same before a run may go on with the data of another: the server's program and what
 * it was deployed with. The port may differ, it is not in the data.
 * @param server names the image or the installation, with its version and sources.
 */
export function hashDeployment(server: string, settings: DeploySettings): string {
  const { memoryBytes = 0, cpus = 0, pgMajor = 0, isa = '', parameters = {} } = settings
  const sorted = Object.entries(parameters).sort(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256')
    .update(JSON.stringify([server, memoryBytes, cpus, pgMajor, isa, sorted]))
    .digest('hex')
}
