import { noProfile } from '../../config/alert-target.js'
import type { ComposeFile } from '../../config/compose-schema.js'
import { invalidArgument, SimdgresError } from '../../errors.js'

/** Services without a profile and those of the chosen profiles. @throws ERR_INVALID_ARGUMENT for an unknown one. */
export function listEnabledServices(compose: ComposeFile, profiles: readonly string[]): string[] {
  const known = new Set(Object.values(compose.services).flatMap((service) => service.profiles))
  known.delete(noProfile)
  const unknown = profiles.find((profile) => !known.has(profile))
  if (unknown !== undefined) {
    throw invalidArgument('--profile', `one of ${[...known].sort().join(', ')}`, unknown)
  }
  return Object.entries(compose.services)
    .filter(([, service]) => {
      return service.profiles.length === 0 || service.profiles.some((profile) => profiles.includes(profile))
    })
    .map(([name]) => name)
}

/** Names separated by commas, as in COMPOSE_PROFILES. */
export function splitProfiles(text: string | undefined): string[] {
  return (text ?? '').split(',').flatMap((name) => (name.trim() === '' ? [] : [name.trim()]))
}

/** Puts every service after those it depends on; otherwise keeps the order of the file. */
export function orderByDependency(compose: ComposeFile, services: readonly string[]): string[] {
  const ordered: string[] = []
  const entered = new Set<string>()
  const visit = (name: string): void => {
    if (ordered.includes(name)) return
    if (entered.has(name)) {
      throw new SimdgresError(
        'ERR_INVALID_ARGUMENT',
        `docker/compose.yaml: ${name} depends on itself`,
        'Break the circle in depends_on.',
      )
    }
    entered.add(name)
    for (const dependency of Object.keys(compose.services[name]?.depends_on ?? {})) {
      if (services.includes(dependency)) visit(dependency)
    }
    ordered.push(name)
  }
  for (const name of services) visit(name)
  return ordered
}
