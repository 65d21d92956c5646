import { SimdgresError } from '../errors.js'
import { changeStack } from './change.js'
import { readUpgradeState } from './move/upgrade-state.js'
import { changeSuperuserPassword } from './passwords/superuser.js'
import { repairMove } from './repair.js'
import {
  certificateNames,
  filesOf,
  passwordNames,
  type SecretKind,
  superuserPassword,
} from './secrets/secret-list.js'
import { createPassword, discardCertificates, replacePassword } from './secrets/secrets.js'
import { listEnabledServices, splitProfiles } from './services/dependency-order.js'
import { databaseService } from './services/service-names.js'
import { openStack, type Stack, type StackOptions } from './stack.js'
import { bringUpAlone } from './up.js'

export type { SecretKind }

export interface RotationPlan {
  readonly kind: SecretKind
  readonly names: readonly string[]
  /** Services that are made anew, since they read one of them: their connections end. */
  readonly services: readonly string[]
}

const allNames: Readonly<Record<SecretKind, readonly string[]>> = {
  password: passwordNames,
  certificate: certificateNames,
}

/**
 * What `rotate` would do. Changes nothing.
 * @param names of passwords or certificates; none means all.
 */
export async function planRotation(
  options: StackOptions,
  kind: SecretKind,
  names: readonly string[],
): Promise<RotationPlan> {
  return plan(await openStack({ ...options, readOnly: true }), kind, names)
}

/**
 * Replaces passwords or certificates of a running stack, in the database and in every service that reads them. Killed at
 * any moment, the next `up` finishes it: the files of the stack's folder are what counts.
 */
export async function rotate(
  options: StackOptions,
  kind: SecretKind,
  names: readonly string[],
): Promise<RotationPlan> {
  return changeStack(options, async (stack) => {
    await repairMove(stack)
    const planned = await plan(stack, kind, names)
    if (kind === 'password') await replacePasswords(stack, planned.names)
    else await discardCertificates(stack.folder, planned.names)
    await bringUpAlone(stack, { ...options, profiles: [], settings: {}, tune: false })
    return planned
  })
}

async function plan(stack: Stack, kind: SecretKind, wanted: readonly string[]): Promise<RotationPlan> {
  const unknown = wanted.find((name) => !allNames[kind].includes(name))
  if (unknown !== undefined) {
    throw new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      `There is no ${kind} ${unknown}`,
      `Name one of: ${allNames[kind].join(', ')}; or none, for all.`,
    )
  }
  if ((await readUpgradeState(stack)) !== undefined) {
    throw new SimdgresError(
      'ERR_UNAVAILABLE',
      'An upgrade can still be rolled back, and its old server would keep the old secrets',
      'End it first: simdgres upgrade --drop-old, or --rollback.',
    )
  }
  if (!(await stack.isRunning(stack.primary))) {
    throw new SimdgresError(
      'ERR_UNAVAILABLE',
      `${stack.primary} is not running, and a password is changed in the server too`,
      'Start the stack first: simdgres up.',
    )
  }
  const names = wanted.length > 0 ? [...new Set(wanted)] : allNames[kind]
  return { kind, names, services: listReaders(stack, kind, names) }
}

function listReaders(stack: Stack, kind: SecretKind, names: readonly string[]): readonly string[] {
  const files = new Set(names.flatMap((name) => filesOf(kind, name)))
  const enabled = listEnabledServices(stack.compose, splitProfiles(stack.settings['COMPOSE_PROFILES']))
  return enabled
    .filter((service) => stack.compose.services[service]!.secrets.some(({ source }) => files.has(source)))
    .map((service) => (service === databaseService ? stack.primary : service))
}

async function replacePasswords(stack: Stack, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const password = createPassword()
    // In the server first: the other way round, this process would have lost the one that the server takes.
    if (name === superuserPassword) await changeSuperuserPassword(stack.steady, password)
    await replacePassword(stack.folder, name, password)
  }
}
