import { availableParallelism } from 'node:os'
import type { StoredDataset } from '../../datasets/stored-datasets.js'
import { invalidArgument } from '../../errors.js'
import { formatBytes, formatCount } from '../../result/numbers.js'
import type { Command, CommandContext } from '../options/command.js'
import { readFlag } from '../options/option-table.js'
import { parseChoice } from '../options/option-values.js'
import { TerminalProgress } from '../terminal/progress.js'

export const data: Command = {
  name: 'data',
  positionals: '[list | fetch NAME... | import NAME FILE | remove NAME...]',
  summary: 'list, download, import or remove the data sets',
  description:
    'Data sets are downloaded, and wordnet-512 is computed, when they are first used; this does it ahead of time, or ' +
    'undoes it. import takes a file of wordnet-512 that was computed elsewhere.',
  examples: [
    'simdgres data',
    'simdgres data fetch glove-100',
    'simdgres data import wordnet-512 wordnet-512.npy',
    'simdgres data remove mnist-784',
  ],
  options: [{ name: 'json', summary: 'list as JSON' }],
  exits: [
    [0, 'done'],
    'ERR_INVALID_ARGUMENT',
    ['ERR_UNAVAILABLE', 'a data set cannot be downloaded'],
    ['ERR_CORRUPT_DATA', 'a download is damaged or not what its pin says, or a file holds other vectors'],
    'ERR_RESOURCE',
    'ERR_ABORTED',
  ],
  run,
}

const actions = ['list', 'fetch', 'import', 'remove'] as const

async function run({ arguments: { options, positionals }, signal }: CommandContext): Promise<void> {
  const [word = 'list', ...names] = positionals
  const action = parseChoice('the action', word, actions)
  if (action === 'list') return listAll(readFlag(options, 'json'))
  if (action === 'import') return importFile(names, readFlag(options, 'quiet'), signal)
  await checkNames(action, names)
  const { fetchDataset, removeDataset } = await import('../../datasets/stored-datasets.js')
  const progress = new TerminalProgress({ quiet: readFlag(options, 'quiet'), stream: process.stderr })
  try {
    for (const name of names) {
      if (action === 'fetch') {
        await fetchDataset(name, { progress, signal })
        progress.note(`${name} is in the cache.`)
      } else {
        progress.note(`${name}: ${formatBytes(await removeDataset(name))} freed.`)
      }
    }
  } finally {
    progress.clear()
  }
}

async function importFile(words: readonly string[], quiet: boolean, signal: AbortSignal): Promise<void> {
  const [name, file] = words
  if (name === undefined || file === undefined || words.length > 2) {
    throw invalidArgument('import', 'a data set and a file of its vectors', words.join(' '))
  }
  const { importDataset } = await import('../../datasets/stored-datasets.js')
  const progress = new TerminalProgress({ quiet, stream: process.stderr })
  try {
    await importDataset(name, file, { progress, signal })
    progress.note(`${name} is in the cache.`)
  } finally {
    progress.clear()
  }
}

/** All names are checked first: nothing is removed if one of them is wrong. */
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
  const lines = datasets.map((dataset) => {
    const { name, description, rows, dims, metric } = dataset
    return `${name}  ${formatCount(rows)} x ${dims}  ${metric}  ${describeState(dataset)}  ${description}`
  })
  process.stdout.write(`${lines.join('\n')}\n`)
}

function describeState({ bytes, downloadBytes, computeMs }: StoredDataset): string {
  if (bytes !== undefined) return `cached ${formatBytes(bytes)}`
  const download = `download ${formatBytes(downloadBytes)}`
  if (computeMs === 0) return download
  return `${download}, then compute for about ${Math.ceil(computeMs / availableParallelism() / 60_000)} min`
}
