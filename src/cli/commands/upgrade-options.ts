import type { OptionRow } from '../options/option-table.js'
import { dryRunOption, jsonOption, stackOptions, yesOption } from '../options/stack-options.js'
import { moveOptions } from './switchover-options.js'

export const upgradeOptions: readonly OptionRow[] = [
  { name: 'to', value: 'MAJOR', summary: 'version to move to: 18' },
  {
    name: 'method',
    value: 'NAME',
    summary:
      'logical: replication, with a pause of about a second; dump: clients wait for the whole copy, 60 s at most',
    fallback: 'logical',
  },
  { name: 'rollback', summary: 'go back to the server before the upgrade, with all that was written since' },
  ...moveOptions,
  yesOption,
  ...stackOptions,
  dryRunOption,
  jsonOption,
]
