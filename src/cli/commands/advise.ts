import type { Command, CommandContext } from '../options/command.js'
import { readFlag } from '../options/option-table.js'
import { TerminalProgress } from '../terminal/progress.js'

export const advise: Command = {
  name: 'advise',
  positionals: '',
  summary: 'say what keeps searches of a database from being fast and right, and what mends it',
  description:
    'Looks at the tables of a PostgreSQL server that have vectors, and changes nothing: catalogue and statistics, plans of your queries, ' +
    'and the recall of the present settings on a sample of the rows against an exact scan. Each finding comes with the statement ' +
    'that mends it and what that is expected to bring. A role with SELECT alone is enough; what it cannot see is said. ' +
    'docs/advise.md says how each finding is judged.',
  examples: [
    'simdgres advise --url postgres://me@db.example/app',
    'simdgres advise --url postgres://me@db.example/app --table app.items --recall 0.99',
    "simdgres advise --url postgres://me@db/app --query 'SELECT id FROM items ORDER BY embedding <=> $1 LIMIT 10'",
  ],
  options: [
    {
      name: 'url',
      value: 'URL',
      summary: 'the server, and not a transaction pooler; PGPASSWORD keeps its password off the command line',
    },
    {
      name: 'table',
      value: 'NAME',
      summary: 'this table alone, with its partitions',
      fallback: 'all with vectors',
    },
    { name: 'id', value: 'COLUMN', summary: 'of --table: what tells its rows apart', fallback: 'its key' },
    {
      name: 'query',
      value: 'SQL',
      repeatable: true,
      summary: 'a search as the application sends it, with values or $1: is an index used, and if not, why',
    },
    { name: 'query-file', value: 'FILE', summary: 'a file of such queries, each ended by a semicolon' },
    { name: 'recall', value: 'SHARE', summary: 'recall that searches have to reach', fallback: '0.95' },
    { name: 'k', value: 'N', summary: 'neighbours to find', fallback: '10' },
    { name: 'sample', value: 'N', summary: 'rows of each table to take as queries', fallback: '100' },
    { name: 'seed', value: 'N', summary: 'decides which rows these are', fallback: '1' },
    { name: 'json', value: 'FILE', summary: 'write the result to FILE; - for stdout' },
    { name: 'markdown', value: 'FILE', summary: 'write the report as Markdown; - for stdout' },
  ],
  exits: [
    [0, 'nothing to mend; what could not be seen is listed'],
    [10, 'findings'],
    ['ERR_CHECK_FAILED', 'an exact scan was not one, or a defect of simdgres'],
    ['ERR_INVALID_ARGUMENT', 'wrong argument or option, a query that is none, or a transaction pooler'],
    'ERR_UNAVAILABLE',
    'ERR_RESOURCE',
    'ERR_LOST_CONNECTION',
    'ERR_ABORTED',
  ],
  run,
}

/** As the gate ends where it finds something. */
const findingsExitCode = 10

async function run({ arguments: given, signal, endWith }: CommandContext): Promise<void> {
  const { readAdviseRequest } = await import('./advise/request.js')
  const request = await readAdviseRequest(given)
  const { options } = given
  const { prepareAdviceOutputs } = await import('./advise/outputs.js')
  const write = await prepareAdviceOutputs(options)
  const { runAdvise } = await import('../../advise/run.js')
  const progress = new TerminalProgress({ quiet: readFlag(options, 'quiet'), stream: process.stderr })
  const result = await runAdvise(request, { progress, signal }).finally(() => progress.clear())
  await write(result)
  if (result.findings.length > 0) endWith(findingsExitCode)
}
