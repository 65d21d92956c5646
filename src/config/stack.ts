import { resolve } from 'node:path'
import { SimdgresError } from '../errors.js'
import { packageRoot } from '../system/cache-folder.js'
import { loadComposeFile } from './compose-file.js'
import type { ComposeFile, ComposeService } from './compose-schema.js'
import { loadEnvFile } from './env-file.js'
import type { Environment } from './interpolation.js'

export const dockerFolder = resolve(packageRoot, 'docker')
export const composePath = resolve(dockerFolder, 'compose.yaml')

/** Variables besides those of the shell and of docker/.env. */
export interface StackVariables {
  /** Win over all others. */
  readonly overrides?: Environment
  /** Used where nothing else gives a value, in place of the defaults of the compose file. */
  readonly defaults?: Environment
}

/**
 * The stack as docker/compose.yaml describes it. Variables come from `overrides`, then the shell's environment, then
 * docker/.env, then `defaults`.
 * @throws ERR_INVALID_ARGUMENT naming file and line.
 */
export function loadStack({ overrides = {}, defaults = {} }: StackVariables = {}): ComposeFile {
  const shell = process.env
  const fromFile = loadEnvFile(resolve(dockerFolder, '.env'), shell)
  return loadComposeFile(composePath, { ...defaults, ...fromFile, ...shell, ...overrides })
}

/**
 * The postgres service as a server by itself, which a run throws away. It has none of the stack's certificates and
 * secrets, and must not touch the stack's folders.
 * @throws ERR_INVALID_ARGUMENT naming file and line.
 */
export function loadServerAlone({ overrides = {}, defaults = {} }: StackVariables = {}): ComposeService {
  const unused = { STACK_DIR: '/nonexistent', STACK_DATA_DIR: '' }
  const service = loadStack({ overrides: { ...unused, ...overrides }, defaults }).services['postgres']
  if (service) return { ...service, environment: { ...service.environment, SIMDGRES_STACK: 'off' } }
  throw new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    'docker/compose.yaml has no service postgres',
    'Restore the file from the package.',
  )
}
