import { availableParallelism } from 'node:os'
import { parseDurationMs } from '../../config/duration.js'
import { invalidArgument } from '../../errors.js'
import { targetChoices } from '../../targets/choose.js'
import { metrics } from '../../vectors/metric.js'
import type { Command, CommandContext } from '../options/command.js'
import { type OptionValues, readFlag, readText } from '../options/option-table.js'
import {
  parseChoice,
  parseCount,
  readBytes,
  readCount,
  readInteger,
  readPositive,
} from '../options/option-values.js'
import { targetOptions } from '../options/target-options.js'
import { TerminalProgress } from '../terminal/progress.js'

const fallback = { seconds: 6, k: 10 }
const fewestSizes = 3

/** How many nodes so many rows need. */
export const capacity: Command = {
  name: 'capacity',
  positionals: '',
  summary: 'estimate nodes, memory, disk, build time and latency for many rows, from a measurement here',
  description:
    'Searches growing sets of vectors with the spectrum of text embeddings, fits how time and bytes grow with the rows, and says what ' +
    'so many rows need, with an interval and with all that is taken for granted. docs/scale.md says how well it was met by ' +
    'sets ten times as large. The server and all that was loaded are removed at the end.',
  examples: [
    'simdgres capacity --rows 1e9 --dims 768 --qps 500 --p95 50ms',
    'simdgres capacity --rows 2e7 --dims 1024 --recall 0.95 --json capacity.json',
    'simdgres capacity --from capacity.json --rows 5e7 --memory 64Gi --cpus 16',
  ],
  options: [
    { name: 'rows', value: 'N', summary: 'rows to plan for; 1e9 is allowed' },
    { name: 'dims', value: 'N', summary: 'numbers of a vector' },
    { name: 'qps', value: 'N', summary: 'queries per second of all clients', fallback: 'one client' },
    { name: 'p95', value: 'TIME', summary: 'what 95 % of the searches have to be within, like 50ms' },
    { name: 'recall', value: 'R', summary: 'exact, or a share for HNSW such as 0.95', fallback: 'exact' },
    { name: 'metric', value: 'NAME', summary: `one of ${metrics.join(', ')}`, fallback: 'l2' },
    { name: 'k', value: 'N', summary: 'neighbours to find', fallback: String(fallback.k) },
    { name: 'memory', value: 'SIZE', summary: 'memory of one node', fallback: "this machine's" },
    { name: 'cpus', value: 'N', summary: 'processors of one node', fallback: "this machine's" },
    {
      name: 'sizes',
      value: 'N,...',
      summary: 'rows of the sets that are measured, three or more, the last at least four times the first',
      fallback: 'five that no cache holds',
    },
    {
      name: 'seconds',
      value: 'N',
      summary: 'time to search each set for, each number of clients',
      fallback: String(fallback.seconds),
    },
    {
      name: 'from',
      value: 'FILE',
      summary: 'a result of --json: estimate from its measurement, and measure nothing',
    },
    ...targetOptions,
    { name: 'json', value: 'FILE', summary: 'write measurement and estimate to FILE; - for stdout' },
    { name: 'dry-run', summary: 'show what would be measured' },
  ],
  exits: [
    [0, 'estimated'],
    ['ERR_CHECK_FAILED', 'an exact path missed a neighbour, or a defect of simdgres'],
    ['ERR_INVALID_ARGUMENT', 'wrong argument, option or setting; no number of nodes does what is asked'],
    'ERR_UNAVAILABLE',
    ['ERR_CORRUPT_DATA', 'a file is no result of capacity'],
    'ERR_RESOURCE',
    'ERR_LOST_CONNECTION',
    'ERR_ABORTED',
  ],
  run,
}

type Growth = import('../../result/capacity-schema.js').GrowthRun
type Request = import('../../result/capacity-schema.js').CapacityResult['request']

async function run({ arguments: { options }, signal }: CommandContext): Promise<void> {
  const rows = readCount(options, 'rows', 1e12)
  if (rows === undefined) throw invalidArgument('--rows', 'a number of rows, such as 1e9', undefined)
  const asked = readAsked(options, rows)
  const from = readText(options, 'from')
  const measured = from === undefined ? undefined : await readMeasured(from, options)
  const request = from === undefined ? await readGrowth(options) : undefined
  if (readFlag(options, 'dry-run')) {
    process.stdout.write(
      request ? await describeRun(request) : `estimates from ${from}, and measures nothing\n`,
    )
    return
  }
  const json = readText(options, 'json')
  const { checkOutput } = await import('../../result/result-file.js')
  if (json !== undefined) await checkOutput('--json', json)
  const growth = measured ?? (await measure(request!, options, signal))
  const { keepMeasurement, planCapacity } = await import('../../capacity/run.js')
  const { printCapacity } = await import('../../capacity/print.js')
  const wanted = { ...nodeOf(growth), ...asked }
  const save = async (result: import('../../result/capacity-schema.js').CapacityResult): Promise<void> => {
    if (json === undefined) return
    const { writeFileAtomically } = await import('../../system/atomic-file.js')
    await writeFileAtomically(json, [Buffer.from(`${JSON.stringify(result, undefined, 2)}\n`)], { signal })
  }
  let result: import('../../capacity/run.js').PlannedCapacity
  try {
    result = planCapacity(growth, wanted)
  } catch (error) {
    // What took minutes to measure serves another request.
    await save(keepMeasurement(growth, wanted))
    throw error
  }
  const { chooseTableStream } = await import('../terminal/table-stream.js')
  const table = await chooseTableStream([json])
  await save(result)
  if (!readFlag(options, 'quiet') || table === process.stdout) table.write(printCapacity(result))
}

/** What is asked of the nodes, and what of them is given. */
function readAsked(options: OptionValues, rows: number): Partial<Request> & { readonly rows: number } {
  const qps = readPositive(options, 'qps')
  const p95 = readText(options, 'p95')
  const memoryBytes = readBytes(options, 'memory')
  const cpus = readPositive(options, 'cpus')
  return {
    rows,
    ...(qps !== undefined && { qps }),
    ...(p95 !== undefined && { p95Ms: parseDurationMs(p95, '--p95') }),
    ...(memoryBytes !== undefined && { memoryBytes }),
    ...(cpus !== undefined && { cpus }),
  }
}

/** As large as what was measured. */
function nodeOf({ environment }: Growth): Pick<Request, 'memoryBytes' | 'cpus'> {
  const { limits, memoryBytes, cores } = environment
  return { memoryBytes: limits?.memoryBytes ?? memoryBytes, cpus: limits?.cpus ?? cores }
}

async function readGrowth(options: OptionValues): Promise<import('../../capacity/measure.js').GrowthRequest> {
  const dims = readInteger(options, 'dims', 1, 16_000)
  if (dims === undefined) throw invalidArgument('--dims', 'numbers of a vector', undefined)
  const url = readText(options, 'url')
  return {
    sizes: await readSizes(options, dims),
    dims,
    metric: parseChoice('--metric', readText(options, 'metric') ?? 'l2', metrics),
    k: readInteger(options, 'k', 1, 1000) ?? fallback.k,
    recall: readRecall(options) ?? 1,
    seconds: readPositive(options, 'seconds') ?? fallback.seconds,
    threads: availableParallelism(),
    clients: Math.min(64, availableParallelism()),
    target: parseChoice(
      '--target',
      readText(options, 'target') ?? (url === undefined ? 'auto' : 'url'),
      targetChoices,
    ),
    ...(url !== undefined && { url }),
    settings: {},
  }
}

/** 1 for exact answers. */
function readRecall(options: OptionValues): number | undefined {
  const text = readText(options, 'recall')
  if (text === undefined) return undefined
  const value = text === 'exact' ? 1 : Number(text)
  if (value > 0 && value < 1 && text !== '1') return value
  if (text === 'exact') return 1
  throw invalidArgument('--recall', 'exact, or a share below 1 such as 0.95', text)
}

async function readSizes(options: OptionValues, dims: number): Promise<number[]> {
  const text = readText(options, 'sizes')
  if (text === undefined) {
    const { chooseSizes } = await import('../../capacity/sizes.js')
    const { processorCacheBytes } = await import('../../system/processor-cache.js')
    return chooseSizes(dims, processorCacheBytes())
  }
  const sizes = [...new Set(text.split(',').map((part) => parseCount('--sizes', part.trim(), 1e9)))]
  sizes.sort((a, b) => a - b)
  if (sizes.length >= fewestSizes && sizes[0]! >= 1000 && sizes.at(-1)! >= 4 * sizes[0]!) return sizes
  throw invalidArgument(
    '--sizes',
    'three or more, from 1,000 on, the last at least four times the first',
    text,
    'How something grows does not follow from fewer.',
  )
}

async function readMeasured(file: string, options: OptionValues): Promise<Growth> {
  for (const name of [readText(options, 'sizes') && '--sizes', readText(options, 'url') && '--url']) {
    if (name)
      throw invalidArgument(
        name,
        'nothing, because --from measures nothing',
        'a value',
        'Leave one of them out.',
      )
  }
  const { readCapacity } = await import('../../capacity/read.js')
  const { growth } = await readCapacity(file)
  const given = {
    '--dims': [readInteger(options, 'dims', 1, 16_000), growth.dims],
    '--k': [readInteger(options, 'k', 1, 1000), growth.k],
    '--metric': [readText(options, 'metric'), growth.metric],
    '--recall': [readRecall(options), growth.recall],
  }
  for (const [option, [asked, measured]] of Object.entries(given)) {
    if (asked === undefined || asked === measured) continue
    throw invalidArgument(
      option,
      `${measured}, which ${file} measured`,
      asked,
      'Leave it out, or measure anew.',
    )
  }
  return growth
}

async function describeRun(request: import('../../capacity/measure.js').GrowthRequest): Promise<string> {
  const { datasetOf, pathOf } = await import('../../capacity/measure.js')
  const clients = request.clients > 1 ? `1 and ${request.clients} clients` : '1 client'
  return [
    `server: ${request.target}, a fresh one for each size`,
    `path: ${pathOf(request.recall)}, ${request.metric}, k = ${request.k}`,
    ...request.sizes.map((rows) => `measure: ${datasetOf(rows, request.dims)}, ${clients}`),
    '',
  ].join('\n')
}

async function measure(
  request: import('../../capacity/measure.js').GrowthRequest,
  options: OptionValues,
  signal: AbortSignal,
): Promise<Growth> {
  const { requireMemory } = await import('../../system/memory-limit.js')
  requireMemory(request.sizes.at(-1)! * request.dims * 8, 'measuring the largest of --sizes')
  const { measureGrowth } = await import('../../capacity/measure.js')
  const progress = new TerminalProgress({ quiet: readFlag(options, 'quiet'), stream: process.stderr })
  return measureGrowth(request, { progress, signal }).finally(() => progress.clear())
}
