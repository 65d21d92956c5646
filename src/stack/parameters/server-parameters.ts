import {
  listServerParameters,
  requireAllowedParameters,
  type ServerParameter,
} from '../../config/server-parameters.js'
import { SimdgresError } from '../../errors.js'
import { databaseService } from '../services/service-names.js'
import type { Stack } from '../stack.js'

/** The server takes them from its arguments, and ends at once where it does not know one; no data is read. */
const script =
  'mkdir -p /tmp/parameters; exec postgres -C port -D /tmp/parameters -c config_file=/dev/null "$@"'

/**
 * The parameters that .env sets, if a server of `image` takes them all. Asked before a server is replaced: one that ended at
 * its start would be an outage.
 * @param image id; by default the one that the settings name.
 * @throws ERR_INVALID_ARGUMENT with the server's message for an unknown name or a wrong value, or a parameter that the stack
 * owns.
 */
export async function requireParameters(stack: Stack, image?: string): Promise<readonly ServerParameter[]> {
  const parameters = listServerParameters(stack.settings)
  requireAllowedParameters(parameters)
  if (parameters.length === 0) return parameters
  const args = parameters.flatMap(({ name, value }) => ['-c', `${name}=${value}`])
  const { exitCode, stderr } = await stack.runOneShot(['bash', '-euc', script, 'parameters', ...args], {
    service: databaseService,
    networks: [],
    ...(image !== undefined && { image }),
  })
  if (exitCode === 0) return parameters
  const reasons = [...stderr.matchAll(/(?:FATAL|HINT|DETAIL): {2}(.*)/g)].map(([, text]) => text)
  throw new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    `The server does not take what POSTGRES_PARAMETER_... says in .env: ${reasons.join(' ') || stderr.trim()}`,
    'Correct or remove that line; the server in use was not touched.',
  )
}
