import type { OptionRow } from '../options/option-table.js'
import { dryRunOption, jsonOption, stackOptions, yesOption } from '../options/stack-options.js'

export const downOptions: readonly OptionRow[] = [
  ...stackOptions,
  { name: 'volumes', summary: 'remove the data and the backups as well; needs --yes' },
  yesOption,
  dryRunOption,
  jsonOption,
]
