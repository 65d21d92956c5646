import type { Loads } from '../../../measure/load/list-loads.js'
import { type OptionValues, readText } from '../../options/option-table.js'
import { parseNumbers, readClients } from '../harness/clients.js'

/** Per second. One process hardly sends more, and would be what is measured. */
const mostRate = 20_000

/** The loads of `--clients` and `--rate`. */
export function readLoads(options: OptionValues): Loads {
  const clients = readClients(options)
  const list = readText(options, 'rate')
  const expected = `queries per second above 0 and up to ${mostRate}, such as 100,500`
  const isRight = (value: number) => value > 0 && value <= mostRate
  return {
    ...(clients && { clients }),
    ...(list !== undefined && { rates: parseNumbers('--rate', list, expected, isRight) }),
  }
}
