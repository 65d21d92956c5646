import { invalidArgument } from '../../errors.js'
import { metrics } from '../../vectors/metric.js'
import type { Command, CommandContext } from '../options/command.js'
import { type OptionValues, readFlag, readText } from '../options/option-table.js'
import { parseChoice, readInteger } from '../options/option-values.js'
import { TerminalProgress } from '../terminal/progress.js'

const defaultBatch = 1000

/** Spreads a table over servers that postgres_fdw asks. */
export const shard: Command = {
  name: 'shard',
  positionals: 'plan|apply',
  summary: 'spread a table over several servers, and search them as one by postgres_fdw',
  description:
    'Plan prints every statement and the server that it runs on; apply runs these, and what else it asks only reads. Rows are copied by a hash of their id, in ' +
    'batches that are verified by count and hash; the table itself is not changed. An apply that was stopped goes on ' +
    'where it was, and one after new rows copies these. docs/scale.md has the limits.',
  examples: [
    'simdgres shard plan --url postgres://me@c/app --shards postgres://me@a/app,postgres://me@b/app --table t',
    'simdgres shard apply --url postgres://me@c/app --shards postgres://me@a/app,postgres://me@b/app --table t',
  ],
  options: [
    { name: 'url', value: 'URL', summary: 'the coordinator, which has the table' },
    {
      name: 'shards',
      value: 'URLS',
      summary: 'two or more servers, with a comma between, as the coordinator reaches them',
    },
    { name: 'table', value: 'NAME', summary: 'the table to spread' },
    { name: 'id', value: 'COLUMN', summary: 'its unique column of whole numbers', fallback: 'id' },
    { name: 'vector', value: 'COLUMN', summary: 'its column of vectors', fallback: 'embedding' },
    {
      name: 'metric',
      value: 'NAME',
      summary: `distance of the search: ${metrics.join(', ')}`,
      fallback: 'l2',
    },
    {
      name: 'where',
      value: 'SQL',
      summary: 'condition that the search function puts on rows, on each shard',
    },
    { name: 'function', value: 'NAME', summary: 'name of the search function', fallback: 'search_<table>' },
    {
      name: 'partial',
      summary: 'also make <function>_partial, which answers without shards that are away, and says so',
    },
    { name: 'batch', value: 'N', summary: 'rows of one transaction', fallback: String(defaultBatch) },
  ],
  exits: [
    [0, 'the plan is printed, or all of it is done'],
    ['ERR_CHECK_FAILED', 'rows of a shard are not those of the source, or a defect of simdgres'],
    'ERR_INVALID_ARGUMENT',
    'ERR_UNAVAILABLE',
    'ERR_RESOURCE',
    'ERR_LOST_CONNECTION',
    'ERR_ABORTED',
  ],
  run,
}

async function run({ arguments: { options, positionals }, signal }: CommandContext): Promise<void> {
  const action = positionals.length === 1 ? positionals[0] : positionals.join(' ')
  if (action !== 'plan' && action !== 'apply')
    throw invalidArgument('what shard does', 'plan or apply', action, 'See simdgres shard --help.')
  const where = readText(options, 'where')
  const name = readText(options, 'function')
  const request = {
    url: require('--url', readText(options, 'url')),
    shards: require('--shards', readText(options, 'shards')),
    table: require('--table', readText(options, 'table')),
    id: readText(options, 'id') ?? 'id',
    vector: readText(options, 'vector') ?? 'embedding',
    metric: parseChoice('--metric', readText(options, 'metric') ?? 'l2', metrics),
    ...(where !== undefined && { where }),
    ...(name !== undefined && { name }),
    partial: readFlag(options, 'partial'),
    batch: readInteger(options, 'batch', 1, 100_000) ?? defaultBatch,
  }
  await perform(action, request, options, signal)
}

async function perform(
  action: 'plan' | 'apply',
  request: import('../../shard/apply.js').ShardRequest,
  options: OptionValues,
  signal: AbortSignal,
): Promise<void> {
  const { applyPlan, planShards } = await import('../../shard/apply.js')
  const progress = new TerminalProgress({ quiet: readFlag(options, 'quiet'), stream: process.stderr })
  try {
    const plan = await planShards(request, { progress, signal })
    if (action === 'plan') {
      const { printPlan } = await import('../../shard/plan.js')
      process.stdout.write(printPlan(plan))
      return
    }
    const moved = await applyPlan(request.url, plan, { progress, signal })
    progress.clear()
    process.stdout.write(
      moved.map((rows, i) => `shard ${i + 1}: ${rows} rows copied, all verified\n`).join(''),
    )
  } finally {
    progress.clear()
  }
}

function require(name: string, value: string | undefined): string {
  if (value === undefined) throw invalidArgument(name, 'a value', value, 'See simdgres shard --help.')
  return value
}
