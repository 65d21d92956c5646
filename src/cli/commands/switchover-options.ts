import type { OptionRow } from '../options/option-table.js'
import { dryRunOption, jsonOption, stackOptions, yesOption } from '../options/stack-options.js'

/** How long clients may wait, shared by the commands that move the stack to another server. */
export const moveOptions: readonly OptionRow[] = [
  {
    name: 'pause-limit',
    value: 'SECONDS',
    summary: 'longest wait for running transactions to end',
    fallback: '10',
  },
  {
    name: 'sync-limit',
    value: 'SECONDS',
    summary: 'longest wait for the new server to catch up, after the copy',
    fallback: '600',
  },
  { name: 'drop-old', summary: 'remove the server before the last move, with its data' },
]

export const switchoverOptions: readonly OptionRow[] = [
  ...moveOptions,
  yesOption,
  ...stackOptions,
  dryRunOption,
  jsonOption,
]
