import { SimdgresError } from '../../errors.js'
import type { TuneResult } from '../../result/tune-schema.js'
import { metrics } from '../../vectors/metric.js'
import type { Command, CommandContext } from '../options/command.js'
import { readFlag } from '../options/option-table.js'
import { TerminalProgress } from '../terminal/progress.js'

export const tune: Command = {
  name: 'tune',
  positionals: '',
  summary: 'measure which settings of the server are fastest here, at the recall that you need',
  description:
    'Deploys a PostgreSQL server, loads vectors, and looks for the fastest setting of it: what is built, what a restart ' +
    'changes, what a session sets. What it recommends was faster than the present setting twice more, on fresh servers; ' +
    'that nothing is, is an answer too. With --grid it measures every combination of the values of some knobs instead. Sessions force nothing but the knobs, so the planner decides as it does for ' +
    'your application. A setting with which the server does not start, or does not survive, is a failed point with its ' +
    'reason, and the others go on. The server and all that was loaded are removed at the end. docs/tune.md lists the knobs.',
  examples: [
    'simdgres tune --recall 0.95 --clients 4 --out tuned',
    'simdgres tune --grid shared_buffers=128MB,1GB,max_parallel_workers_per_gather=0,1,2 --clients 1,4',
    'simdgres tune --grid storage,jit --paths pgvector-exact --dataset mnist-784 --dry-run',
  ],
  options: [
    {
      name: 'grid',
      value: 'KNOBS',
      summary:
        'NAME=VALUE,VALUE,NAME=VALUE,… to measure in all combinations; a NAME alone is its whole range',
    },
    {
      name: 'knobs',
      value: 'KNOBS',
      summary: 'what a search may turn, written as for --grid',
      fallback: 'all of them, with their ranges',
    },
    {
      name: 'clients',
      value: 'LIST',
      summary: 'how many ask at the same time; for a search one number',
      fallback: '1,4 of a grid, 1 of a search',
    },
    { name: 'goal', value: 'NAME', summary: 'what a search makes best: qps or p95', fallback: 'qps' },
    {
      name: 'budget',
      value: 'TIME',
      summary: 'time for a search to measure; deployments, loading and confirming come on top',
      fallback: '30m',
    },
    {
      name: 'paths',
      value: 'LIST',
      summary: 'as for bench, of those in a server; a search begins with the first',
      fallback: 'pgvector-exact,pgvector-hnsw,extension-exact',
    },
    { name: 'dataset', value: 'NAME', summary: 'as for bench', fallback: 'glove-100' },
    { name: 'metric', value: 'NAME', summary: `one of ${metrics.join(', ')}` },
    { name: 'rows', value: 'N', summary: 'search a seeded choice of N vectors', fallback: 'all' },
    { name: 'queries', value: 'N', summary: 'vectors held out as queries', fallback: '1000' },
    { name: 'k', value: 'N', summary: 'neighbours to find', fallback: '10' },
    {
      name: 'recall',
      value: 'SHARE',
      summary: 'approximate paths are searched in the fastest way that reaches it',
      fallback: '0.95',
    },
    { name: 'seconds', value: 'N', summary: 'time to measure each point of a grid for', fallback: '3' },
    { name: 'rounds', value: 'N', summary: 'rounds over all points of a server of a grid', fallback: '6' },
    { name: 'seed', value: 'N', summary: 'decides rows, queries and every order', fallback: '1' },
    {
      name: 'target',
      value: 'NAME',
      summary: 'where the server runs: auto, docker, local',
      fallback: 'auto',
    },
    { name: 'pg-major', value: 'N', summary: 'PostgreSQL version of the image' },
    { name: 'memory', value: 'SIZE', summary: 'memory the server may use, like 4g' },
    { name: 'cpus', value: 'N', summary: 'processors the server may use' },
    {
      name: 'set',
      value: 'NAME=VALUE',
      repeatable: true,
      summary: 'a server parameter of the present setting, like work_mem=16MB',
    },
    { name: 'json', value: 'FILE', summary: 'write the result to FILE' },
    { name: 'markdown', value: 'FILE', summary: 'write the tables as Markdown' },
    { name: 'html', value: 'FILE', summary: 'write a report with heat maps, one file without scripts' },
    {
      name: 'out',
      value: 'NAME',
      summary:
        'write what a search recommends to NAME.env and NAME.sql; simdgres up --tuned NAME.env applies the first',
    },
    { name: 'dry-run', summary: 'show the plan and how long it would take' },
  ],
  exits: [
    [0, 'done; settings that do not work are results as well'],
    ['ERR_CHECK_FAILED', 'a path disproved the truth, or a defect of simdgres'],
    'ERR_INVALID_ARGUMENT',
    'ERR_UNAVAILABLE',
    'ERR_CORRUPT_DATA',
    'ERR_RESOURCE',
    'ERR_LOST_CONNECTION',
    ['ERR_INCOMPLETE', 'not one point could be measured'],
    ['ERR_ABORTED', 'stopped by Ctrl-C; a grid writes what it has measured until then, marked incomplete'],
  ],
  run,
}

async function run({ arguments: given, signal }: CommandContext): Promise<void> {
  const { readTuneRequest } = await import('./tune/request.js')
  const request = readTuneRequest(given)
  const { options } = given
  if (readFlag(options, 'dry-run')) {
    const { describeTunePlan } = await import('./tune/plan.js')
    process.stdout.write(`${describeTunePlan(request).join('\n')}\n`)
    return
  }
  const { prepareTuneOutputs } = await import('./tune/outputs.js')
  const write = await prepareTuneOutputs(options)
  const progress = new TerminalProgress({ quiet: readFlag(options, 'quiet'), stream: process.stderr })
  const control = { progress, signal }
  const work =
    request.mode === 'grid'
      ? (await import('../../tune/grid.js')).runGrid(request, control)
      : (await import('../../tune/search.js')).runSearch(request, control)
  const result = await work.catch(explainStop).finally(() => progress.clear())
  await write(result)
  checkTuning(result)
}

/** A run that ends without a result keeps nothing to go on with, unlike one that is killed. */
function explainStop(error: unknown): never {
  if (!(error instanceof SimdgresError) || error.code !== 'ERR_ABORTED') throw error
  throw new SimdgresError(
    error.code,
    'The run was stopped before it had a result',
    'Give the same command again. Of this run only data sets and their truth are kept.',
    { cause: error },
  )
}

/** @throws ERR_ABORTED, ERR_INCOMPLETE: after the results are written. */
function checkTuning({ isComplete, points }: TuneResult): void {
  if (!isComplete) {
    throw new SimdgresError(
      'ERR_ABORTED',
      'The run was stopped before its end',
      'What was measured until then is in the results, which say so.',
    )
  }
  if (points.some(({ status }) => status === 'ok')) return
  throw new SimdgresError(
    'ERR_INCOMPLETE',
    'Not one point could be measured',
    'Read the reasons above, and choose other values or paths.',
  )
}
