import type { ErrorCode } from '../../errors.js'
import type { OptionRow, ParsedArguments } from './option-table.js'

/** What a command may use of the process. */
export interface CommandContext {
  readonly arguments: ParsedArguments
  /** Fires on Ctrl-C and on SIGTERM. */
  readonly signal: AbortSignal
  /** Has the process end with this code although nothing failed; 0 unless it is called. */
  endWith(exitCode: number): void
}

/** What a command can end with: the code of an error with its usual meaning, or any code with a meaning of its own. */
export type Exit = ErrorCode | readonly [code: ErrorCode | number, meaning: string]

/** A command: all that help says about it, and its work. */
export interface Command {
  readonly name: string
  /** After the name in the usage line. */
  readonly positionals: string
  readonly summary: string
  /** Paragraph for the command's own help. */
  readonly description: string
  readonly examples: readonly string[]
  readonly options: readonly OptionRow[]
  /** Codes with the same number share a line of the help. A later meaning of a code replaces an earlier one. */
  readonly exits: readonly Exit[]
  /** Imports large modules only when it is called, so that help answers at once. */
  run(context: CommandContext): Promise<void>
}

/** Options of every command. */
export const sharedOptions: readonly OptionRow[] = [
  { name: 'quiet', summary: 'no notes and no progress, errors only' },
  { name: 'debug', summary: 'show the stack and the cause of an error' },
  { name: 'help', summary: 'show this help' },
]
