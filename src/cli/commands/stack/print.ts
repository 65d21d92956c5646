import { type OptionValues, readFlag } from '../../options/option-table.js'

/** Writes what a command did: `lines`, or with --json `result`. */
export function print(options: OptionValues, result: object, lines: readonly string[]): void {
  process.stdout.write(readFlag(options, 'json') ? `${JSON.stringify(result)}\n` : `${lines.join('\n')}\n`)
}
