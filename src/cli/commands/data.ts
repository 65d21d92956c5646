import { invalidArgument } from '../../errors.js'
import { formatBytes, formatCount } from '../../report/numbers.js'
import type { Command, CommandContext } from '../options/command.js'
import { readFlag } from '../options/option-table.js'
import { parseChoice } from '../options/option-values.js'
import { TerminalProgress } from '../terminal/progress.js'

export const data: Command = {
  name: 'data',
  positionals: '[list | fetch NAME... | remove NAME...]',
  summary: 'list, download or remove the data sets',
  description: 'Data sets are downloaded when they are first used; this does it ahead of time, or undoes it.',
  examples: ['simdgres data', 'simdgres data fetch glove-100', 'simdgres data remove mnist-784'],
  options: [{ name: 'json', summary: 'list as JSON' }],
  exits: [
    [0, 'done'],
    'ERR_INVALID_ARGUMENT',
    ['ERR_UNAVAILABLE', 'a data set cannot be downloaded'],
    ['ERR_CORRUPT_DATA', 'a download is damaged or not what its pin says'],
    'ERR_RESOURCE',
    'ERR_ABORTED',
  ],
  run,
}

const actions = ['list', 'fetch', 'remove'] as const

async function run({ arguments: { options, positionals }, signal }: CommandContext): Promise<void> {
  const [word = 'list', ...names] = positionals
  const action = parseChoice('the action', word, actions)
  if (action === 'list') return listAll(readFlag(options, 'json'))
  await checkNames(action, names)
  const { fetchDataset, removeDataset } = await import('../../datasets/stored-datasets.js')
  const progress = new TerminalProgress({ quiet: readFlag(options, 'quiet'), stream: process.stderr })
  try {
    for (const name of names) {
      if (action === 'fetch') {
        await fetchDataset(name, { progress, signal })
        progress.note(`${name} is in the cache.`)
      } else {
        progress.note(`${name}: ${formatBytes(await removeDataset(name))} are free again.`)
      }
    }
  } finally {
    progress.clear()
  }
}

/** All names are looked at first: nothing is removed when one of them is wrong. */
async function checkNames(action: string, names: readonly string[]): Promise<void> {
  const { listStoredDatasets } = await import('../../datasets/stored-datasets.js')
  const known = (await listStoredDatasets()).map(({ name }) => name)
  if (names.length === 0) {
    throw invalidArgument('the data set', `one of ${known.join(', ')}`, undefined, `Name what to ${action}.`)
  }
  for (const name of names) parseChoice('the data set', name, known)
}

async function listAll(asJson: boolean): Promise<void> {
  const { listStoredDatasets } = await import('../../datasets/stored-datasets.js')
  const datasets = await listStoredDatasets()
  if (asJson) {
    process.stdout.write(`${JSON.stringify(datasets, null, 2)}\n`)
    return
  }
  const lines = datasets.map(({ name, description, rows, dims, metric, bytes, downloadBytes }) => {
    const state =
      bytes === undefined ? `download ${formatBytes(downloadBytes)}` : `cached ${formatBytes(bytes)}`
    return `${name}  ${formatCount(rows)} x ${dims}  ${metric}  ${state}  ${description}`
  })
  process.stdout.write(`${lines.join('\n')}\n`)
}
