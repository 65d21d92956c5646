import type { OptionRow } from '../options/option-table.js'
import { dryRunOption, jsonOption, stackOptions } from '../options/stack-options.js'

export const upOptions: readonly OptionRow[] = [
  ...stackOptions,
  {
    name: 'profile',
    value: 'NAME',
    repeatable: true,
    summary: 'also start cache, monitoring or backup; kept in .env',
  },
  { name: 'set', value: 'NAME=VALUE', repeatable: true, summary: 'put a setting into .env' },
  { name: 'tune', summary: 'replace settings in .env by those that fit this machine' },
  dryRunOption,
  jsonOption,
]
