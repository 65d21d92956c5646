import { resolve } from 'node:path'
import { loadEnvFile } from '../config/env-file.js'
import type { Environment } from '../config/interpolation.js'
import { invalidArgument } from '../errors.js'
import { writeFileAtomically } from '../system/atomic-file.js'
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

/** Say which server is the stack's: a move writes them into .env, and only what is there is true. */
const moveSetting = /^STACK_(PRIMARY|PREVIOUS|NEXT)(_VOLUME)?$/
/** Written by an upgrade; the shell's counts until then. */
const majorSetting = 'PG_MAJOR'

/**
 * Variables for the compose file: the shell's, then those of the folder's .env. Where the data is, the shell has no say:
 * one that has read an older .env (`source`, direnv) would start the server before the last move. The folder and the
 * project's name are known here already, and always right, also after the folder was moved.
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

/** Sets variables in .env: lines of theirs are replaced, new ones come last, all others stay as they are. */
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

/** Values with characters that .env files give a meaning to are put between single quotes, where nothing has one. */
function quote(value: string): string {
  if (/^[\w./:@%+,-]*$/.test(value)) return value
  if (/['\n]/.test(value)) {
    throw invalidArgument('a setting', 'a value of one line without single quotes', value)
  }
  return `'${value}'`
}
