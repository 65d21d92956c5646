import type { Progress } from '../../../progress.js'
import type { StackOptions } from '../../../stack/index.js'
import type { Exit } from '../../options/command.js'
import { type OptionRow, type OptionValues, readFlag, readText } from '../../options/option-table.js'
import { TerminalProgress } from '../../terminal/progress.js'

/** Options of every command that works on a stack. */
export const stackOptions: readonly OptionRow[] = [
  {
    name: 'dir',
    value: 'FOLDER',
    summary: 'folder of the stack: .env, secrets',
    fallback: 'STACK_DIR or ./simdgres-stack',
  },
  {
    name: 'project',
    value: 'NAME',
    summary: 'name of the stack, which its containers, volumes and networks carry',
    fallback: 'that of the folder, or simdgres',
  },
]

/** What a command that works on a stack can end with. What it says itself comes after it and wins. */
export const stackExits: readonly Exit[] = [
  'ERR_CHECK_FAILED',
  'ERR_INVALID_ARGUMENT',
  ['ERR_UNAVAILABLE', 'no engine answers, or something that is needed of the stack is not there'],
  ['ERR_CORRUPT_DATA', 'a file that the stack keeps is damaged'],
  'ERR_RESOURCE',
  ['ERR_LOST_CONNECTION', 'the engine or a container went away while it was needed'],
  'ERR_ABORTED',
]

export const jsonOption: OptionRow = { name: 'json', summary: 'print the result as JSON' }
export const dryRunOption: OptionRow = { name: 'dry-run', summary: 'say what would be done, change nothing' }
export const yesOption: OptionRow = { name: 'yes', summary: 'confirm that something is destroyed' }

export function readStackOptions(
  options: OptionValues,
  signal: AbortSignal,
): StackOptions & { readonly progress: Progress & { clear(): void } } {
  const folder = readText(options, 'dir')
  const project = readText(options, 'project')
  return {
    ...(folder !== undefined && { folder }),
    ...(project !== undefined && { project }),
    progress: new TerminalProgress({ quiet: readFlag(options, 'quiet'), stream: process.stderr }),
    signal,
  }
}
