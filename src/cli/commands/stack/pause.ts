import { type OptionRow, type OptionValues, readFlag } from '../../options/option-table.js'
import { readPositive } from '../../options/option-values.js'

/** Options of every command that holds clients back for a moment. */
export function pauseOptions(fallbackSeconds: number): readonly OptionRow[] {
  return [
    {
      name: 'pause-limit',
      value: 'SECONDS',
      summary: 'longest wait for running transactions to end',
      fallback: String(fallbackSeconds),
    },
    { name: 'force', summary: 'after that, end the sessions that are still in a transaction, and name them' },
  ]
}

/** @param fallbackSeconds as for `pauseOptions`. */
export function readPause(options: OptionValues, fallbackSeconds: number) {
  return {
    pauseLimitMs: (readPositive(options, 'pause-limit') ?? fallbackSeconds) * 1000,
    force: readFlag(options, 'force'),
  }
}
