import { SimdgresError } from '../errors.js'
import type { DeploySettings } from './target.js'

/**
 * Explains why a server does not start with new settings: names the changed settings that its log mentions, or, if it
 * mentions none, all that changed.
 * @param failure what the server said, with its last log lines.
 */
export function describeRefusal(
  failure: SimdgresError,
  settings: DeploySettings,
  former: DeploySettings,
): SimdgresError {
  if (failure.code === 'ERR_ABORTED') return failure
  const changed = listChanges(settings, former)
  const named = changed.filter(([name]) => failure.message.includes(name))
  const suspects = (named.length > 0 ? named : changed).map(([name, value]) => `${name}=${value}`)
  const what = suspects.length > 0 ? suspects.join(', ') : 'the settings that it ran with before'
  return new SimdgresError(
    // No connection was lost: the server has not come up yet.
    failure.code === 'ERR_LOST_CONNECTION' ? 'ERR_UNAVAILABLE' : failure.code,
    `The server does not start with ${what}: ${failure.message}`,
    `${failure.hint} Its data is untouched: with the former settings it starts again.`,
    { cause: failure },
  )
}

function listChanges(settings: DeploySettings, former: DeploySettings): [name: string, value: string][] {
  const [now, before] = [flatten(settings), flatten(former)]
  return [...now].filter(([name, value]) => before.get(name) !== value)
}

function flatten({ parameters, ...others }: DeploySettings): Map<string, string> {
  const plain = Object.entries(others).filter(([, value]) => value !== undefined)
  return new Map(
    [...plain, ...Object.entries(parameters ?? {})].map(([name, value]) => [name, String(value)]),
  )
}
