import { targetChoices } from '../../targets/choose.js'
import type { OptionRow } from './option-table.js'

/** Where a measurement has its server: an own one, or one that is there. */
export const targetOptions: readonly OptionRow[] = [
  {
    name: 'target',
    value: 'NAME',
    summary: `where the server runs: ${targetChoices.join(', ')}`,
    fallback: 'auto',
  },
  {
    name: 'url',
    value: 'URL',
    summary: 'a server that is already there; PGPASSWORD keeps its password off the command line',
  },
]
