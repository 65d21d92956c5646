import { z } from 'zod'
import { readSecondRepository, secondRepositorySetting } from '../../config/second-repository.js'
import { invalidArgument, SimdgresError } from '../../errors.js'
import type { Stack } from '../stack.js'
import { runBackupScript, runOffline } from './backup-script.js'

/** A complete backup. */
export interface Backup {
  readonly kind: 'logical' | 'full' | 'diff' | 'incr'
  readonly name: string
  /** Bytes on the volume of the backups, without those that a physical backup shares with the one it builds on. */
  readonly bytes: number
  /** ISO 8601, UTC. */
  readonly takenAt: string
}

/** A backup of the files, and where in the log it stands. */
export interface PhysicalBackup extends Backup {
  readonly timeline: number
  /** Position in the log from which on it is consistent, in the server's form 16/B374D848. */
  readonly stopsAt: string
  /** pgBackRest's number of the cluster. */
  readonly databaseId: number
}

/** What the database held, as a logical set records it (docker/backup/contents.sql). */
const contentsSchema = z.object({
  /** Version 1 counted materialized views as tables, and hashed generated columns. */
  schema: z.enum(['simdgres.backup/1', 'simdgres.backup/2']),
  database: z.string(),
  takenAt: z.string(),
  serverVersion: z.string(),
  encoding: z.string(),
  collate: z.string(),
  ctype: z.string(),
  /** As SET takes it. */
  searchPath: z.string().default('app, public'),
  extensions: z.record(z.string(), z.string()),
  tables: z.array(
    z.object({
      name: z.string(),
      rows: z.number(),
      hash: z.string(),
      /** Whether generated columns are left out of the hash. */
      isPartial: z.boolean().default(false),
    }),
  ),
  materializedViews: z.array(z.string()).default([]),
  sequences: z.array(
    z.object({ name: z.string(), lastValue: z.string(), isCalled: z.boolean(), increment: z.number() }),
  ),
})

export type Contents = z.output<typeof contentsSchema>

const repositorySchema = z.array(
  z.object({
    backup: z.array(
      z.object({
        label: z.string(),
        type: z.enum(['full', 'diff', 'incr']),
        timestamp: z.object({ stop: z.number() }),
        archive: z.object({ stop: z.string() }),
        lsn: z.object({ stop: z.string() }),
        database: z.object({ id: z.number() }),
        info: z.object({ repository: z.object({ delta: z.number() }) }),
      }),
    ),
  }),
)

const setName = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)\.(\d{3})Z-[0-9a-f]{4}$/

/** All complete backups, the newest first. Needs the volume of the backups, not the server. */
export async function listBackups(stack: Stack): Promise<Backup[]> {
  const backups = [...(await listLogicalSets(stack)), ...(await listPhysicalBackups(stack))]
  return backups.sort((a, b) => (a.takenAt < b.takenAt ? 1 : -1))
}

export async function listLogicalSets(stack: Stack): Promise<Backup[]> {
  const text = await runBackupScript(stack, 'list-sets.sh', [], { isOffline: true })
  return text.split('\n').flatMap((line) => parseSet(line) ?? [])
}

/** A line of list-sets.sh: name, tab, bytes. */
export function parseSet(line: string): Backup | undefined {
  const [name, bytes] = line.split('\t')
  const time = setName.exec(name!)
  if (!time) return undefined
  const [, year, month, day, hour, minute, second, ms] = time
  const takenAt = `${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`
  return { kind: 'logical', name: name!, bytes: Number(bytes), takenAt }
}

/** Of the first repository, or of the second (BACKUP_REPOSITORY2_PATH). */
export type Repository = 1 | 2

/** Options of pgBackRest for what is done with one repository alone. Without any it knows the first only. */
export function repositoryOptions(repository: Repository): readonly string[] {
  return repository === 1 ? [] : ['--config-include-path=/run/secrets', '--repo=2']
}

/** @throws ERR_INVALID_ARGUMENT for a second repository that is not set. */
export async function listPhysicalBackups(
  stack: Stack,
  repository: Repository = 1,
): Promise<PhysicalBackup[]> {
  requireRepository(stack, repository)
  const options = ['--stanza=simdgres', ...repositoryOptions(repository), '--output=json']
  const text = await runOffline(stack, ['pgbackrest', ...options, 'info'])
  const stanzas = repositorySchema.parse(JSON.parse(text))
  return stanzas.flatMap(({ backup }) =>
    backup.map(({ label, type, timestamp, info, archive, lsn, database }) => ({
      kind: type,
      name: label,
      bytes: info.repository.delta,
      takenAt: new Date(timestamp.stop * 1000).toISOString(),
      timeline: Number.parseInt(archive.stop.slice(0, 8), 16),
      stopsAt: lsn.stop,
      databaseId: database.id,
    })),
  )
}

function requireRepository({ settings }: Stack, repository: Repository): void {
  if (repository === 1 || readSecondRepository(settings) !== undefined) return
  throw new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    'There is no second repository',
    `Name its folder: simdgres up --set ${secondRepositorySetting}=<folder>.`,
  )
}

/** What is later than this was made while the clock was wrong: it is not the newest. As in docker/backup/storage.sh. */
export const clockToleranceMs = 5 * 60_000

/** The set that is named, or the newest one. @throws ERR_UNAVAILABLE where there is none. */
export async function chooseSet(stack: Stack, name: string | undefined): Promise<string> {
  if (name !== undefined && !setName.test(name)) {
    throw invalidArgument('the set', 'the name of a logical set as simdgres backup --list shows it', name)
  }
  const sets = await listLogicalSets(stack)
  const isWanted = (set: Backup): boolean =>
    name === undefined ? Date.parse(set.takenAt) <= Date.now() + clockToleranceMs : set.name === name
  const found = sets.find(isWanted)
  if (found) return found.name
  throw new SimdgresError(
    'ERR_UNAVAILABLE',
    name === undefined ? `The stack ${stack.name} has no logical backup` : `There is no backup set ${name}`,
    'See simdgres backup --list; make one with simdgres backup.',
  )
}

export async function readSetFile(stack: Stack, set: string, file: string): Promise<string> {
  return runOffline(stack, ['cat', setPath(set, file)])
}

/** Path in containers that mount the volume of the backups. */
export function setPath(set: string, file: string): string {
  return `/backups/logical/${set}/${file}`
}

export function parseContents(text: string): Contents {
  return contentsSchema.parse(JSON.parse(text))
}
