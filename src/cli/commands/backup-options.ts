import type { OptionRow } from '../options/option-table.js'
import { dryRunOption, jsonOption, stackOptions, yesOption } from '../options/stack-options.js'

export const backupOptions: readonly OptionRow[] = [
  ...stackOptions,
  { name: 'physical', summary: 'copy the files of the server with pgBackRest, for point-in-time recovery' },
  {
    name: 'type',
    value: 'TYPE',
    summary: 'of a physical backup: full, or diff or incr, which hold what has changed since',
    fallback: 'full',
  },
  {
    name: 'keep',
    value: 'N',
    summary:
      'good logical sets, or full physical backups, to keep; older ones are removed after this one is complete',
    fallback: 'BACKUP_KEEP (30), BACKUP_KEEP_FULL (2)',
  },
  { name: 'list', summary: 'list the backups and make none' },
  dryRunOption,
  jsonOption,
]

export const restoreOptions: readonly OptionRow[] = [
  ...stackOptions,
  {
    name: 'to',
    value: 'TIME',
    summary: 'the whole server as it was at this time, from the physical backups: 2026-01-31T12:00:00Z',
  },
  {
    name: 'into',
    value: 'DATABASE',
    summary: 'restore a logical set beside the database in use, as a new one',
  },
  { name: 'drop-old', summary: 'remove what earlier restores have kept; needs --yes' },
  yesOption,
  dryRunOption,
  jsonOption,
]

export const verifyOptions: readonly OptionRow[] = [
  ...stackOptions,
  {
    name: 'restore-test',
    summary:
      'also restore the set (the newest one) into a database that is removed afterwards, and compare it',
  },
  jsonOption,
]
