import { resolve } from 'node:path'
import { addAlertTarget } from '../config/alert-target.js'
import { loadComposeFile } from '../config/compose-file.js'
import type { ComposeFile } from '../config/compose-schema.js'
import { loadEnvFile } from '../config/env-file.js'
import type { Environment } from '../config/interpolation.js'
import { addSecondRepository } from '../config/second-repository.js'
import { joinServerParameters, listServerParameters } from '../config/server-parameters.js'
import { composePath } from '../config/stack.js'
import { invalidArgument } from '../errors.js'
import { writeFileAtomically } from '../system/atomic-file.js'
import { makeFolder } from '../system/folder.js'
import { readText } from '../system/text-file.js'

const defaultFolder = 'simdgres-stack'
const projectName = /^[a-z0-9][a-z0-9_-]*$/

/** The folder that holds a stack's .env and secrets: what is given, else STACK_DIR, else ./simdgres-stack. */
export function findStackFolder(given: string | undefined): string {
  return resolve(given ?? (process.env['STACK_DIR'] || defaultFolder))
}

export function envPath(folder: string): string {
  return resolve(folder, '.env')
}

/** Held by whatever changes the stack. */
export function lockPath(folder: string): string {
  return resolve(folder, '.lock')
}

/** A stack's settings and the compose file that they give, as of the last reading. */
export class StackSettings {
  readonly folder: string
  readonly #project: string | undefined
  #values: Readonly<Record<string, string>>
  #compose: ComposeFile

  constructor(folder: string, project: string | undefined) {
    this.folder = folder
    this.#project = project
    this.#values = readSettings(folder, project)
    this.#compose = readCompose(this.#values)
  }

  get values(): Readonly<Record<string, string>> {
    return this.#values
  }

  get compose(): ComposeFile {
    return this.#compose
  }

  /** Writes `changes` into .env, keeping its other lines, and reads everything again. `undefined` removes. */
  async update(changes: Readonly<Record<string, string | undefined>>): Promise<void> {
    await makeFolder(this.folder, 0o700)
    await writeSettings(this.folder, changes)
    this.preview({})
  }

  /** Reads everything again, as if `changes` were in .env. */
  preview(changes: Readonly<Record<string, string>>): void {
    this.#values = { ...readSettings(this.folder, this.#project), ...changes }
    this.#compose = readCompose(this.#values)
  }
}

/** A compose file has no list of variables: those that set parameters of the server come as one. */
function readCompose(values: Readonly<Record<string, string>>): ComposeFile {
  const parameters = joinServerParameters(listServerParameters(values))
  const compose = loadComposeFile(composePath, { ...values, POSTGRES_PARAMETERS: parameters })
  return addAlertTarget(addSecondRepository(compose, values), values)
}

/** Which server is the stack's: a move writes these into .env, and only what .env says counts. */
const moveSetting = /^STACK_(PRIMARY|PREVIOUS|NEXT|RESTORED)(_VOLUME)?$/
/** Written by an upgrade; until then the shell's value counts. */
const majorSetting = 'PG_MAJOR'

/**
 * Variables for the compose file: the shell's, then those of the folder's .env. The shell has no say in where the data
 * is: one that has read an older .env (`source`, direnv) would start the server from before the last move. The folder
 * and the project's name are the ones in use, whatever .env says: the folder may have been moved.
 * @throws ERR_INVALID_ARGUMENT for a wrong line in .env or a name that the engine would refuse.
 */
export function readSettings(folder: string, project: string | undefined): Record<string, string> {
  const shell = process.env
  const file = loadEnvFile(envPath(folder), shell)
  const fromShell = Object.entries(definedOnly(shell)).filter(([variable]) => {
    return !(moveSetting.test(variable) || (variable === majorSetting && file[majorSetting]))
  })
  const settings = { ...file, ...Object.fromEntries(fromShell) }
  const name = project ?? (settings['STACK_PROJECT'] || 'simdgres')
  if (!projectName.test(name)) {
    throw invalidArgument('the project name', 'lower-case letters, digits, - and _', name)
  }
  return { ...settings, STACK_DIR: folder, STACK_PROJECT: name }
}

function definedOnly(environment: Environment): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}

/** Sets variables in .env: replaces their lines, adds new ones at the end and leaves all others as they are. */
export async function writeSettings(
  folder: string,
  changes: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const path = envPath(folder)
  const present = await readText(path)
  const pending = new Map(Object.entries(changes))
  const lines = (present ?? '').split('\n').flatMap((line) => {
    const name = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=/.exec(line)?.[1]
    if (name === undefined || !(name in changes)) return [line]
    const isFirst = pending.has(name)
    pending.delete(name)
    const value = changes[name]
    return isFirst && value !== undefined ? [`${name}=${quote(value)}`] : []
  })
  while (lines.at(-1) === '') lines.pop()
  for (const [name, value] of pending) if (value !== undefined) lines.push(`${name}=${quote(value)}`)
  const text = `${lines.join('\n')}\n`
  if (text !== present) await writeFileAtomically(path, [Buffer.from(text)])
}

/** Puts a value with characters that mean something in a .env file between single quotes, where none does. */
function quote(value: string): string {
  if (/^[\w./:@%+,-]*$/.test(value)) return value
  if (/['\n]/.test(value)) {
    throw invalidArgument('a setting', 'a value of one line without single quotes', value)
  }
  return `'${value}'`
}
