import { invalidArgument } from '../../../errors.js'
import type { BenchRequest } from '../../../measure/bench.js'
import { needServer } from '../../../paths/registry.js'
import type { PathId } from '../../../paths/search-path.js'
import { type OptionValues, readText } from '../../options/option-table.js'
import { readInteger, readPositive } from '../../options/option-values.js'

/** By then the range of first searches is known. */
const mostRestarts = 100
/** Per second. One connection hardly commits more. */
const mostInserts = 20_000

/** What `--cold` and `--while-inserting` ask for. */
export function readStudies(
  options: OptionValues,
  url: string | undefined,
  paths: readonly PathId[],
): Pick<BenchRequest, 'cold' | 'whileInserting'> {
  const cold = readInteger(options, 'cold', 1, mostRestarts)
  const rate = readPositive(options, 'while-inserting')
  for (const name of ['cold', 'while-inserting']) {
    if (!(name in options) || needServer(paths)) continue
    throw invalidArgument(`--${name}`, 'a path of a server in --paths', paths.join(','))
  }
  if (cold !== undefined && (url !== undefined || readText(options, 'target') === 'url')) {
    const hint = 'Leave it out, or leave out --url: a server of the run is restarted.'
    throw invalidArgument('--cold', 'a server that the run may restart', url ?? 'url', hint)
  }
  if (rate !== undefined && rate > mostInserts) {
    throw invalidArgument('--while-inserting', `rows per second above 0 and up to ${mostInserts}`, rate)
  }
  if (rate !== undefined && 'filter' in options) {
    const hint = 'Measure one of the two at a time: rows that are inserted pass no filter.'
    throw invalidArgument('--while-inserting', 'left out with --filter', rate, hint)
  }
  return {
    ...(cold !== undefined && { cold }),
    ...(rate !== undefined && { whileInserting: rate }),
  }
}
