import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { SimdgresError } from '../../errors.js'
import { packageRoot } from '../../system/cache-folder.js'

/** Names the folder of the application whose tables a stack keeps. */
export const applicationSetting = 'STACK_MIGRATIONS'
const noApplication = 'none'

/** The application of the containerisation guide. */
export const exampleFolder = resolve(packageRoot, 'examples/enhanced-learning')

const migrationName = /^(\d{3,})-[\w.-]+\.sql$/
const upkeepName = 'upkeep.sql'
const checkName = 'check.sql'

/** A file of statements for psql. */
export interface SqlFile {
  /** Absolute, on this machine. */
  readonly path: string
  /** With line feeds alone, whatever the checkout made of them; in whatever encoding it is. */
  readonly content: Uint8Array
}

export interface Migration extends SqlFile {
  /** The file's name without `.sql`, under which the database notes that it was applied. */
  readonly name: string
  /** Of the content, in hexadecimal digits. */
  readonly sha256: string
}

/** What the folder of an application holds. */
export interface Application {
  /** Absolute. */
  readonly folder: string
  /** In the order of their numbers. */
  readonly migrations: readonly Migration[]
  /** Run by each `up`, after the migrations. */
  readonly upkeep?: SqlFile
  /** Asked by `status`. */
  readonly check?: SqlFile
}

/** The folder that STACK_MIGRATIONS names, from the stack's own folder on; unset, the example's; `none`, undefined. */
export function findApplicationFolder(
  settings: Readonly<Record<string, string>>,
  stackFolder: string,
): string | undefined {
  const value = settings[applicationSetting] || exampleFolder
  return value === noApplication ? undefined : resolve(stackFolder, value)
}

/** The settings with a folder that somebody named from where they are, as one that .env can hold. */
export function anchorApplication(settings: Readonly<Record<string, string>>): Record<string, string> {
  const value = settings[applicationSetting]
  if (!value || value === noApplication) return { ...settings }
  return { ...settings, [applicationSetting]: resolve(value) }
}

/**
 * Reads the application's files.
 * @throws ERR_INVALID_ARGUMENT where the folder is not there, or a file in it would never be applied.
 */
export async function readApplication(
  settings: Readonly<Record<string, string>>,
  stackFolder: string,
): Promise<Application | undefined> {
  const folder = findApplicationFolder(settings, stackFolder)
  if (folder === undefined) return undefined
  const names = (await listFiles(folder)).filter((name) => name.toLowerCase().endsWith('.sql'))
  const own = names.filter((name) => name !== upkeepName && name !== checkName)
  for (const name of own) {
    if (!migrationName.test(name)) throw misnamed(folder, name)
  }
  own.sort((a, b) => compareNumbers(numberOf(a), numberOf(b)))
  const twin = own.find((name, index) => index > 0 && isSameNumber(name, own[index - 1]!))
  if (twin !== undefined) throw ambiguous(folder, own[own.indexOf(twin) - 1]!, twin)
  const read = (name: string): Promise<SqlFile> => readSqlFile(join(folder, name))
  return {
    folder,
    migrations: await Promise.all(own.map(async (name) => describe(name, await read(name)))),
    ...(names.includes(upkeepName) && { upkeep: await read(upkeepName) }),
    ...(names.includes(checkName) && { check: await read(checkName) }),
  }
}

async function listFiles(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true })
    // Hidden ones are an editor's or a file manager's own.
    return entries
      .filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.'))
      .map(({ name }) => name)
  } catch (error) {
    throw new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      `${applicationSetting} names ${folder}, which cannot be read as a folder`,
      `Set ${applicationSetting} to the folder of your migrations, absolute or from the stack's folder on, or to none.`,
      { cause: error },
    )
  }
}

async function readSqlFile(path: string): Promise<SqlFile> {
  try {
    // As latin1, each byte is a character: what is not UTF-8 is for the server to judge.
    const text = (await readFile(path)).toString('latin1')
    return { path, content: Buffer.from(text.replaceAll('\r\n', '\n'), 'latin1') }
  } catch (error) {
    throw new SimdgresError('ERR_RESOURCE', `Cannot read ${path}`, 'Check the file and its permissions.', {
      cause: error,
    })
  }
}

function describe(fileName: string, { path, content }: SqlFile): Migration {
  const sha256 = createHash('sha256').update(content).digest('hex')
  return { name: fileName.replace(/\.sql$/, ''), path, content, sha256 }
}

export function numberOf(name: string): bigint {
  return BigInt(/^\d+/.exec(name)?.[0] ?? 0)
}

function compareNumbers(a: bigint, b: bigint): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

function isSameNumber(a: string, b: string): boolean {
  return numberOf(a) === numberOf(b)
}

function misnamed(folder: string, name: string): SimdgresError {
  return new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    `${join(folder, name)} is not named like a migration, and would never be applied`,
    `Name it NNN-name.sql with three digits or more, or move it out of the folder; ${upkeepName} and ${checkName} have meanings of their own.`,
  )
}

function ambiguous(folder: string, one: string, other: string): SimdgresError {
  return new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    `The migrations ${one} and ${other} in ${folder} have the same number`,
    'Give the newer one a number of its own: their order would be left to chance.',
  )
}
