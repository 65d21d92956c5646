import type { OptionRow, ParsedArguments } from './options/option-table.js'

/** What a command may use of the process. */
export interface CommandContext {
  readonly arguments: ParsedArguments
  /** Fires on Ctrl-C and on SIGTERM. */
  readonly signal: AbortSignal
  /** Has the process end with this code although nothing failed; 0 unless it is called. */
  endWith(exitCode: number): void
}

export interface CommandRow {
  readonly name: string
  /** After the name in the usage line. */
  readonly positionals: string
  readonly summary: string
  /** Paragraphs for the command's own help. */
  readonly description: string
  readonly examples: readonly string[]
  readonly options: readonly OptionRow[]
  /** Loaded when the command is run, so that help answers at once. */
  load(): Promise<{ run(context: CommandContext): Promise<void> }>
}

/** Options of every command. */
export const sharedOptions: readonly OptionRow[] = [
  { name: 'quiet', summary: 'no notes and no progress, errors only' },
  { name: 'debug', summary: 'show the stack and the cause of an error' },
  { name: 'help', summary: 'show this help' },
]
