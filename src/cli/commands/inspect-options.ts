import type { OptionRow } from '../options/option-table.js'
import { jsonOption, stackOptions } from '../options/stack-options.js'

export const statusOptions: readonly OptionRow[] = [...stackOptions, jsonOption]

export const doctorOptions: readonly OptionRow[] = [...stackOptions, jsonOption]

export const logsOptions: readonly OptionRow[] = [
  ...stackOptions,
  { name: 'follow', summary: 'go on until Ctrl-C' },
  { name: 'lines', value: 'N', summary: 'the last lines of each service', fallback: '200' },
]

export const psqlOptions: readonly OptionRow[] = [
  ...stackOptions,
  { name: 'superuser', summary: 'as the bootstrap superuser, past the pool, inside the container' },
  { name: 'database', value: 'NAME', summary: 'database to work in', fallback: 'POSTGRES_DB' },
]
