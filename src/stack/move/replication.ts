import { SimdgresError } from '../../errors.js'
import { listDataFolders } from '../services/data-folders.js'
import { dataVolume } from '../services/service-names.js'
import type { Stack } from '../stack.js'

/** The stack's role for replication; its password is in every server's container. */
export const replicationRole = 'replication'
/** In the volume beside PGDATA: it survives a restart, and is part of neither the database nor any backup. */
export const passwordFile = '/var/lib/postgresql/data/replication.pgpass'

/**
 * Beside it, while a server is promoted that may be discarded again: its log and the history of its timeline stay out of the
 * archive, where the next promotion would find the same names taken.
 */
export const archivingWaits = '/var/lib/postgresql/data/archiving-waits'

/** Writes `passwordFile`, from inside a server's container: the password is in no argument and in no statement. */
export const writePasswordFile = `umask 077; printf '*:*:*:${replicationRole}:%s\\n' "$(cat /run/secrets/replication_password)" > ${passwordFile}`

/** How one server of the stack connects to another as the replication role. */
export function replicationConnection(host: string, applicationName: string, database?: string): string {
  return [
    `host=${host}`,
    'port=5432',
    `user=${replicationRole}`,
    ...(database === undefined ? [] : [`dbname=${quoteConnectionValue(database)}`]),
    'sslmode=verify-full',
    'sslrootcert=/run/secrets/ca.crt',
    `passfile=${passwordFile}`,
    `application_name=${applicationName}`,
  ].join(' ')
}

function quoteConnectionValue(value: string): string {
  return `'${value.replace(/['\\]/g, '\\$&')}'`
}

/** A server of the stack: its name in the networks, and its volume by its name in the stack. */
export interface ServerPlace {
  readonly name: string
  readonly volume: string
}

/** The server that the stack moves from, and the new one that it moves to. */
export interface Move {
  readonly from: ServerPlace
  readonly to: ServerPlace
}

/** Two names are enough: the old server is removed before the next move. Both are in the server's certificate. */
const serverNames = ['postgres', 'postgres-green'] as const

/** Variables of .env that say how far a move has got. */
export const moveSettings = {
  primary: 'STACK_PRIMARY',
  primaryVolume: 'STACK_PRIMARY_VOLUME',
  /** Being filled. The next attempt removes whatever it holds. */
  nextVolume: 'STACK_NEXT_VOLUME',
  /** Restored to a point in time and verified, but not put in its place yet. */
  restoredVolume: 'STACK_RESTORED_VOLUME',
  /** 2 where it came from the second repository. */
  restoredRepository: 'STACK_RESTORED_REPOSITORY',
  /** The server before the last move, kept until it is dropped. */
  previous: 'STACK_PREVIOUS',
  previousVolume: 'STACK_PREVIOUS_VOLUME',
} as const

/** @throws ERR_RESOURCE if the server before the last move is still kept. */
export async function planMove(stack: Stack, command: string): Promise<Move> {
  const kept = findPrevious(stack)
  if (kept) {
    throw new SimdgresError(
      'ERR_RESOURCE',
      `${kept.name}, the server before the last move, is still kept (volume ${kept.volume})`,
      `When nothing in it is needed any more, remove it: simdgres ${command} --drop-old`,
    )
  }
  const from = findPrimary(stack)
  const used = [...(await stack.listVolumes()), ...(await listDataFolders(stack.names)), from.volume]
  return {
    from,
    to: {
      name: from.name === serverNames[0] ? serverNames[1] : serverNames[0],
      volume: nextVolumeName(used),
    },
  }
}

export function findPrimary(stack: Stack): ServerPlace {
  return { name: stack.primary, volume: stack.settings[moveSettings.primaryVolume] || dataVolume }
}

export function findPrevious(stack: Stack): ServerPlace | undefined {
  const name = stack.settings[moveSettings.previous]
  const volume = stack.settings[moveSettings.previousVolume]
  return name && volume ? { name, volume } : undefined
}

/** One more than the highest number in use, so never the name of data that exists. */
export function nextVolumeName(used: readonly string[]): string {
  const numbers = used.map((name) => Number(/^postgres_data_(\d+)$/.exec(name)?.[1] ?? 1))
  return `${dataVolume}_${Math.max(1, ...numbers) + 1}`
}

/** What .env says once `move` is done. */
export function settingsAfter({ from, to }: Move): Record<string, string | undefined> {
  return {
    [moveSettings.primary]: to.name,
    [moveSettings.primaryVolume]: to.volume,
    [moveSettings.nextVolume]: undefined,
    [moveSettings.previous]: from.name,
    [moveSettings.previousVolume]: from.volume,
  }
}

/** Takes `settingsAfter` back. */
export function settingsBefore({ from, to }: Move): Record<string, string | undefined> {
  return {
    [moveSettings.primary]: from.name,
    [moveSettings.primaryVolume]: from.volume,
    [moveSettings.nextVolume]: to.volume,
    [moveSettings.previous]: undefined,
    [moveSettings.previousVolume]: undefined,
  }
}

/** What .env says of a restored server that waits to be put in its place. */
export function settingsKeeping(
  volume: string,
  repository: 2 | undefined,
): Record<string, string | undefined> {
  return {
    [moveSettings.restoredVolume]: volume,
    [moveSettings.restoredRepository]: repository?.toString(),
    [moveSettings.nextVolume]: undefined,
  }
}
