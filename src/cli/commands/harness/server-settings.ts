import { readDatasetName } from '../../../datasets/dataset-name.js'
import { invalidArgument } from '../../../errors.js'
import type { DeploySettings } from '../../../targets/target.js'
import { type OptionValues, readList } from '../../options/option-table.js'
import { readBytes, readInteger, readPositive } from '../../options/option-values.js'

/** Parameters that a target of ours sets itself, and what to do instead. */
const ownParameters: Readonly<Record<string, string>> = {
  port: 'Use --port.',
  listen_addresses: 'Leave it out: the server is reached by the loopback alone.',
  unix_socket_directories: 'Leave it out: the server is reached over TCP.',
}

/**
 * The server that is asked for by `--memory`, `--cpus`, `--pg-major` and `--set`.
 * @param fixed parameters that the command sets itself, and what to do instead.
 */
export function readServerSettings(
  options: OptionValues,
  fixed: Readonly<Record<string, string>> = {},
): DeploySettings {
  const memoryBytes = readBytes(options, 'memory')
  const cpus = readPositive(options, 'cpus')
  const pgMajor = readInteger(options, 'pg-major', 1)
  const parameters = readParameters(options, { ...ownParameters, ...fixed })
  return {
    ...(memoryBytes !== undefined && { memoryBytes }),
    ...(cpus !== undefined && { cpus }),
    ...(pgMajor !== undefined && { pgMajor }),
    ...(Object.keys(parameters).length > 0 && { parameters }),
  }
}

function readParameters(
  options: OptionValues,
  fixed: Readonly<Record<string, string>>,
): Record<string, string> {
  const parameters: Record<string, string> = {}
  for (const text of readList(options, 'set')) {
    const match = /^([a-z_][\w.]*)=(.*)$/i.exec(text)
    if (match === null) throw invalidArgument('--set', 'NAME=VALUE', text)
    const name = match[1]!.toLowerCase()
    const reason = fixed[name]
    if (reason !== undefined) throw invalidArgument('--set', `another parameter than ${name}`, text, reason)
    parameters[name] = match[2]!
  }
  return parameters
}

/** Rows that a search can find, as far as they are known before anything is loaded: those of a file are not. */
export function findMostNeighbours(dataset: string, rows = Number.MAX_SAFE_INTEGER): number {
  const named = readDatasetName(dataset)
  if (named.kind === 'file') return rows
  return Math.min(rows, named.kind === 'source' ? named.source.rows : named.shape.rows)
}
