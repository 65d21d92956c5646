import { invalidArgument } from '../../../errors.js'
import { type OptionValues, readText } from '../../options/option-table.js'

/** Connections of one row; a server of the stack has 100 for everybody. */
const mostClients = 64

/** Numbers of clients, each once, in the order given. */
export function readClients(options: OptionValues): readonly number[] | undefined {
  const list = readText(options, 'clients')
  return list === undefined
    ? undefined
    : parseNumbers(
        '--clients',
        list,
        `whole numbers from 1 to ${mostClients}, such as 1,4`,
        (value) => Number.isInteger(value) && value >= 1 && value <= mostClients,
      )
}

/** Numbers with commas between them, each once. */
export function parseNumbers(
  label: string,
  list: string,
  expected: string,
  isRight: (value: number) => boolean,
): readonly number[] {
  const numbers = list.split(',').map((text) => {
    const value = /^\d*\.?\d+$/.test(text.trim()) ? Number(text) : Number.NaN
    if (isRight(value)) return value
    throw invalidArgument(label, expected, text)
  })
  return [...new Set(numbers)]
}
