import { readFile, realpath } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { SimdgresError } from '../errors.js'
import type { SetupFile } from '../measure/arm.js'
import { packageRoot } from '../system/cache-folder.js'
import { runCommand } from '../system/command.js'
import { type GateFile, gateFileSchema } from './gate-file.js'

/** Where `git:REF` is looked for. */
export interface Repository {
  /** Git is asked there; paths of files are relative to it. */
  readonly folder: string
  /** A commit is a version of this project, which is built. One of another project says what to compare by its files. */
  readonly isOurs: boolean
}

/** That of the working folder where it is another project's, else the one this program is from. */
export async function findRepository(signal: AbortSignal): Promise<Repository> {
  const folder = process.cwd()
  const root = await git(['rev-parse', '--show-toplevel'], folder, signal).catch((error: unknown) => {
    if (error instanceof SimdgresError && error.code === 'ERR_UNAVAILABLE') return undefined
    throw error
  })
  if (root === undefined || (await isOurs(root.trim()))) return { folder: packageRoot, isOurs: true }
  return { folder, isOurs: false }
}

async function isOurs(root: string): Promise<boolean> {
  if (root === (await realpath(packageRoot))) return true
  const manifest = await readFile(join(root, 'package.json'), 'utf8').catch(() => '{}')
  try {
    return (JSON.parse(manifest) as { name?: string }).name === 'simdgres'
  } catch {
    // Whoever's it is, it is not ours.
    return false
  }
}

/** What a commit of another project says of its arm. */
export interface CommittedArm {
  readonly settings: Readonly<Record<string, string>>
  readonly setup: readonly SetupFile[]
}

/**
 * `settings` and `setup` of the file as the commit has it; nothing where it has no such file.
 * @param path of simdgres.json, relative to the repository's folder.
 * @throws ERR_UNAVAILABLE for a file that this version cannot read: such a base cannot be compared with.
 */
export async function readCommittedArm(
  { folder }: Repository,
  commit: string,
  path: string,
  signal: AbortSignal,
): Promise<CommittedArm> {
  const isThere = (await git(['ls-tree', '--name-only', commit, '--', path], folder, signal)).trim() !== ''
  if (!isThere) return { settings: {}, setup: [] }
  const show = (name: string) => git(['show', `${commit}:./${name}`], folder, signal)
  const { settings = {}, setup = [] } = parseFile(path, commit, await show(path))
  const files: SetupFile[] = []
  for (const name of setup) files.push({ name, sql: await show(posix.join(posix.dirname(path), name)) })
  return { settings, setup: files }
}

function parseFile(path: string, commit: string, text: string): GateFile {
  try {
    return gateFileSchema.parse(JSON.parse(text))
  } catch (error) {
    throw new SimdgresError(
      'ERR_UNAVAILABLE',
      `${path} of ${commit} cannot be read: ${(error as Error).message}`,
      'Name another commit (--base git:REF).',
      { cause: error },
    )
  }
}

export function git(args: readonly string[], folder: string, signal: AbortSignal): Promise<string> {
  return runCommand('git', ['-C', folder, ...args], {
    purpose: 'Looking for a commit',
    hint: 'Install git, and run this in a checkout of the project.',
    signal,
  })
}
