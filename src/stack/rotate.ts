import { SimdgresError } from '../errors.js'
import { changeStack } from './change.js'
import { readUpgradeState } from './move/upgrade-state.js'
import { changeSuperuserPassword } from './passwords/superuser.js'
import { repairMove } from './repair.js'
import { requireNextAuthority } from './secrets/authority.js'
import {
  authorityName,
  certificateNames,
  filesOf,
  passwordNames,
  type SecretKind,
  superuserPassword,
} from './secrets/secret-list.js'
import {
  createPassword,
  discardCertificates,
  replaceAuthority,
  replacePassword,
  secretsFolderOf,
} from './secrets/secrets.js'
import { listEnabledServices, splitProfiles } from './services/dependency-order.js'
import { databaseService } from './services/service-names.js'
import { openStack, type Stack, type StackOptions } from './stack.js'
import { bringUpAlone } from './up.js'

export type { SecretKind }

export interface Rotation {
  /** One kind, or passwords and certificates. */
  readonly kinds: readonly SecretKind[]
  /** Of passwords or certificates; none means all. */
  readonly names: readonly string[]
  /** Of the authority: the second part, after which the one before is not trusted any more. */
  readonly isEnd: boolean
}

export interface RotationPlan {
  readonly kinds: readonly SecretKind[]
  readonly names: readonly string[]
  /** Services that are made anew, since they read one of them: their connections end. */
  readonly services: readonly string[]
}

const allNames: Readonly<Record<SecretKind, readonly string[]>> = {
  ca: [authorityName],
  password: passwordNames,
  certificate: certificateNames,
}

/** What `rotate` would do. Changes nothing. */
export async function planRotation(options: StackOptions, rotation: Rotation): Promise<RotationPlan> {
  return plan(await openStack({ ...options, readOnly: true }), rotation)
}

/**
 * Replaces passwords, certificates or the authority of a running stack, in the database and in every service that reads them. Killed at
 * any moment, the next `up` finishes it: the files of the stack's folder are what counts.
 */
export async function rotate(options: StackOptions, rotation: Rotation): Promise<RotationPlan> {
  return changeStack(options, async (stack) => {
    await repairMove(stack)
    const planned = await plan(stack, rotation)
    for (const kind of planned.kinds) {
      const names = planned.names.filter((name) => allNames[kind].includes(name))
      if (kind === authorityName) await replaceAuthority(stack.folder, stack.name, rotation.isEnd)
      else if (kind === 'password') await replacePasswords(stack, names)
      else await discardCertificates(stack.folder, names)
    }
    await bringUpAlone(stack, { ...options, profiles: [], settings: {}, tune: false })
    return planned
  })
}

async function plan(stack: Stack, { kinds, names: wanted, isEnd }: Rotation): Promise<RotationPlan> {
  const all = [...new Set(kinds.flatMap((kind) => allNames[kind]))]
  const unknown = wanted.find((name) => !all.includes(name))
  if (unknown !== undefined) {
    throw new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      `There is no ${kinds.join(' or ')} ${unknown}`,
      `Name one of: ${all.join(', ')}; or none, for all.`,
    )
  }
  if (isEnd) await requireNextAuthority(secretsFolderOf(stack.folder))
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
  const names = wanted.length > 0 ? [...new Set(wanted)] : all
  return { kinds, names, services: listReaders(stack, kinds, names) }
}

function listReaders(
  stack: Stack,
  kinds: readonly SecretKind[],
  names: readonly string[],
): readonly string[] {
  const files = new Set(kinds.flatMap((kind) => names.flatMap((name) => filesOf(kind, name))))
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
