import { invalidArgument } from '../errors.js'
import type { ComposeFile, ComposeService } from './compose-schema.js'

/** The folder of the host where backups go a second time: another disk, or another machine's that is mounted there. */
export const secondRepositorySetting = 'BACKUP_REPOSITORY2_PATH'
/** Where the containers that write backups and the archive see it. */
export const secondRepositoryMount = '/repository2'
/** pgBackRest's settings for it, with the passphrase; below the stack's secrets folder, and in containers below /run/secrets. */
export const secondRepositoryFile = 'repository2.conf'
/** Made by `up` for the user of the command line, who needs it on another machine. */
export const secondRepositoryPassphrase = 'repository2_passphrase'

/** The server hands its log over, the other makes backups. */
const writers = ['postgres', 'backup']

/** Undefined where there is none. @throws ERR_INVALID_ARGUMENT for a path that is not absolute. */
export function readSecondRepository(values: Readonly<Record<string, string>>): string | undefined {
  const path = values[secondRepositorySetting]
  if (!path) return undefined
  if (!path.startsWith('/') || path.includes(':')) {
    throw invalidArgument(secondRepositorySetting, 'an absolute path without a colon', path)
  }
  return path
}

/** A compose file has no conditions: what only a second repository needs is put into it here. */
export function addSecondRepository(
  compose: ComposeFile,
  values: Readonly<Record<string, string>>,
): ComposeFile {
  const path = readSecondRepository(values)
  if (path === undefined) return compose
  const file = `${values['STACK_DIR']}/secrets/${secondRepositoryFile}`
  const extend = (service: ComposeService): ComposeService => ({
    ...service,
    secrets: [...service.secrets, { source: secondRepositoryFile, target: secondRepositoryFile }],
    volumes: [
      ...service.volumes,
      { source: path, target: secondRepositoryMount, readOnly: false, isBind: true },
    ],
  })
  return {
    ...compose,
    secrets: { ...compose.secrets, [secondRepositoryFile]: { file } },
    services: Object.fromEntries(
      Object.entries(compose.services).map(([name, service]) => [
        name,
        writers.includes(name) ? extend(service) : service,
      ]),
    ),
  }
}

/**
 * pgBackRest's own configuration of it. Which backups stay there is said when one is made.
 * @param path the folder of the host. The containers see every folder in the same place, so it is a comment: with another one the
 *   settings differ, and the repository is made there.
 */
export function describeSecondRepository(passphrase: string, path: string): string {
  return [
    `# ${path}`,
    '[global]',
    'repo2-type=posix',
    `repo2-path=${secondRepositoryMount}/pgbackrest`,
    'repo2-cipher-type=aes-256-cbc',
    `repo2-cipher-pass=${passphrase}`,
    // Removal is told how many by each backup; without a number pgBackRest warns of a repository that only grows.
    'repo2-retention-full=9999999',
    '',
  ].join('\n')
}

/** The passphrase in what `describeSecondRepository` gave. */
export function findPassphrase(settings: string): string | undefined {
  return /^repo2-cipher-pass=(\S+)$/m.exec(settings)?.[1]
}
