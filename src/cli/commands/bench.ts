import { profiles } from '../../measure/profiles.js'
import { pathIds } from '../../paths/registry.js'
import { isas } from '../../vectors/capabilities.js'
import { metrics } from '../../vectors/metric.js'
import type { Command, CommandContext } from '../options/command.js'
import { type ParsedArguments, readFlag, readText } from '../options/option-table.js'
import { targetOptions } from '../options/target-options.js'
import { TerminalProgress } from '../terminal/progress.js'
import { describeKnobs } from './bench/designs.js'

const profileList = profiles.map(({ name, summary }) => `${name} (${summary})`).join('; ')

export const bench: Command = {
  name: 'bench',
  positionals: '',
  summary: 'measure all ways to search on this machine, with recall beside every speed',
  description:
    'Deploys a PostgreSQL server, loads vectors, searches them through every path and shows latency, ' +
    'throughput and recall. The server and all that was loaded are removed at the end.',
  examples: [
    'simdgres bench --profile quick',
    'simdgres bench --dataset items.fbin --metric cosine --json result.json',
    'simdgres bench --paths pgvector-hnsw --design pgvector-hnsw:m=32,ef_construction=128',
    'simdgres bench --paths pgvector-exact,extension-exact --target url --url postgres://me@db.example/test',
    'simdgres bench --url postgres://me@db.example/app --table items --id id --vector embedding',
    'simdgres bench --paths pgvector-hnsw --clients 1,8 --rate 200,1000',
    'simdgres bench --paths pgvector-hnsw,extension-index --cold 6 --while-inserting 100',
  ],
  options: [
    {
      name: 'profile',
      value: 'NAME',
      summary: `how much to measure: ${profileList}`,
      fallback: profiles[0]!.name,
    },
    {
      name: 'dataset',
      value: 'NAME',
      summary: 'one that simdgres data lists, synthetic-<rows>x<dims>, or a file of vectors',
      fallback: "the profile's",
    },
    {
      name: 'table',
      value: 'NAME',
      summary:
        'with --url: search this table or view where it is, in read-only transactions. Nothing is copied, created or changed',
    },
    { name: 'id', value: 'COLUMN', summary: 'of --table: what tells its rows apart', fallback: 'id' },
    { name: 'vector', value: 'COLUMN', summary: 'of --table: what is searched', fallback: 'the only one' },
    { name: 'where', value: 'SQL', summary: 'of --table: a condition that rows have to meet' },
    { name: 'sample', value: 'N', summary: 'of --table: take N of its rows as queries', fallback: '200' },
    {
      name: 'fetch',
      summary: 'of --table: copy its rows into this process as well, and search them by the addon',
    },
    {
      name: 'metric',
      value: 'NAME',
      summary: `one of ${metrics.join(', ')}`,
      fallback: "the data set's, l2 for files",
    },
    { name: 'rows', value: 'N', summary: 'search a seeded choice of N vectors', fallback: "the profile's" },
    {
      name: 'queries',
      value: 'N',
      summary:
        'vectors held out as queries, or a file of query vectors for a --dataset that is a file or for --table',
      fallback: "the profile's",
    },
    {
      name: 'truth',
      value: 'FILE',
      summary:
        'the nearest rows of each query of a --queries FILE (.ivecs), if all rows are searched and a sample is right',
    },
    { name: 'k', value: 'N', summary: 'neighbours to find', fallback: '10' },
    {
      name: 'filter',
      value: 'PERCENT,...',
      summary:
        'limit searches to this share of the rows by a WHERE clause, like 10,1,0.1: rows for each of them, and for the ' +
        "modes of pgvector's iterative scans",
      fallback: 'all rows',
    },
    {
      name: 'clients',
      value: 'N,...',
      summary: 'so many clients, each of which waits for its answer: rows for each number',
      fallback: '1',
    },
    {
      name: 'rate',
      value: 'N,...',
      summary:
        'rows for so many queries a second as well, which arrive at random whether or not there are answers, at a pool of 8 ' +
        'connections, or of as many as the most clients. Latencies count from the arrival',
    },
    {
      name: 'cold',
      value: 'N',
      summary:
        'restart the server N times for each table and index, without its buffers and page cache, and time the first searches',
    },
    {
      name: 'while-inserting',
      value: 'ROWS',
      summary: 'search each table and index once more while another connection inserts so many rows a second',
    },
    { name: 'paths', value: 'LIST', summary: `some of ${pathIds.join(', ')}`, fallback: 'all' },
    {
      name: 'seconds',
      value: 'N',
      summary: 'time to measure each row for, all rounds together; warm-up in proportion',
      fallback: "the profile's",
    },
    {
      name: 'builds',
      value: 'N',
      summary: 'build approximate indexes N times, and show how far apart they are',
      fallback: '1',
    },
    {
      name: 'design',
      value: 'PATH:NAME=N,...',
      repeatable: true,
      summary: `build this for PATH, and not its usual design; several stand beside each other: ${describeKnobs()}`,
    },
    { name: 'threads', value: 'N', summary: 'threads of paths in this process', fallback: 'all processors' },
    { name: 'seed', value: 'N', summary: 'decides rows, queries and their order', fallback: '1' },
    ...targetOptions,
    { name: 'pg-major', value: 'N', summary: 'PostgreSQL version of the image' },
    { name: 'memory', value: 'SIZE', summary: 'memory the server may use, like 4g' },
    { name: 'cpus', value: 'N', summary: 'processors the server may use' },
    { name: 'port', value: 'N', summary: 'port of the server on 127.0.0.1', fallback: 'a free one' },
    {
      name: 'isa',
      value: 'NAME',
      summary: `instruction set of extension and addon: ${isas.join(', ')}`,
    },
    {
      name: 'set',
      value: 'NAME=VALUE',
      repeatable: true,
      summary:
        'a server parameter, like shared_buffers=2GB. Sessions that are measured force jit=off and what else the ' +
        'settings of their rows say in the result; rows planner=as-is force nothing',
    },
    {
      name: 'json',
      value: 'FILE',
      summary: 'write the result to FILE, with raw samples beside it; - for stdout',
    },
    { name: 'markdown', value: 'FILE', summary: 'write the table as Markdown; - for stdout' },
    {
      name: 'html',
      value: 'FILE',
      summary:
        'write a report with charts, one file without scripts; simdgres report makes it of --json later',
    },
    {
      name: 'compare',
      value: 'FILE',
      summary:
        'a result of before: show its figures beside the new ones, and what keeps them from being compared',
    },
    { name: 'dry-run', summary: 'show what would be done' },
  ],
  exits: [
    [0, 'done; every exact path found every neighbour'],
    ['ERR_CHECK_FAILED', 'an exact path missed a neighbour, or a defect of simdgres'],
    'ERR_INVALID_ARGUMENT',
    'ERR_UNAVAILABLE',
    'ERR_CORRUPT_DATA',
    'ERR_RESOURCE',
    'ERR_LOST_CONNECTION',
    [
      'ERR_INCOMPLETE',
      'a path named with --paths could not run here, or any row failed; the others were measured',
    ],
    ['ERR_ABORTED', 'stopped by Ctrl-C; what was measured until then is written, marked incomplete'],
  ],
  run,
}

async function run({ arguments: given, signal }: CommandContext): Promise<void> {
  if (readText(given.options, 'table') !== undefined) return runTable(given, signal)
  const { readBenchRequest } = await import('./bench/request.js')
  const request = readBenchRequest(given)
  const { options } = given
  if (readFlag(options, 'dry-run')) {
    const { describePlan } = await import('./bench/plan.js')
    process.stdout.write(`${describePlan(request).join('\n')}\n`)
    return
  }
  const { prepareOutputs, writeOutputs } = await import('./bench/outputs.js')
  const outputs = await prepareOutputs(options, request.dataset)
  // The addon reads it when it is loaded, which has not happened yet.
  if (request.settings.isa !== undefined) process.env['SIMDGRES_ISA'] = request.settings.isa
  const { checkCompleteness, checkPromises } = await import('../../measure/verdicts.js')
  const { runBench } = await import('../../measure/bench.js')
  const progress = new TerminalProgress({ quiet: readFlag(options, 'quiet'), stream: process.stderr })
  const outcome = await runBench(request, { progress, signal }).finally(() => progress.clear())
  await writeOutputs(outputs, outcome)
  checkPromises(outcome.result)
  checkCompleteness(outcome.result, readText(options, 'paths') === undefined ? [] : request.paths)
}

async function runTable(given: ParsedArguments, signal: AbortSignal): Promise<void> {
  const { describeTablePlan, readTableRequest } = await import('./bench/table-request.js')
  const request = readTableRequest(given)
  const { options } = given
  if (readFlag(options, 'dry-run')) {
    process.stdout.write(`${describeTablePlan(request).join('\n')}\n`)
    return
  }
  const { prepareOutputs, writeOutputs } = await import('./bench/outputs.js')
  const outputs = await prepareOutputs(options, String(request.queries))
  const { checkCompleteness, checkPromises } = await import('../../measure/verdicts.js')
  const { runTableBench } = await import('../../measure/own-table/run.js')
  const progress = new TerminalProgress({ quiet: readFlag(options, 'quiet'), stream: process.stderr })
  const outcome = await runTableBench(request, { progress, signal }).finally(() => progress.clear())
  await writeOutputs(outputs, outcome)
  checkPromises(outcome.result)
  checkCompleteness(outcome.result, [])
}
