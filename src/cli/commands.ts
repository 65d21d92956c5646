import type { CommandRow } from './command.js'
import { benchOptions } from './options/bench-options.js'
import { stackCommands } from './stack-commands.js'

/** Every command; a new one is a file and a row here. */
export const commands: readonly CommandRow[] = [
  {
    name: 'bench',
    positionals: '',
    summary: 'measure all ways to search on this machine, with recall beside every speed',
    description:
      'Deploys a PostgreSQL server, loads vectors, searches them through every path and shows latency, ' +
      'throughput and recall. The server and all that was loaded are removed at the end.',
    examples: [
      'simdgres bench --profile quick',
      'simdgres bench --dataset items.fbin --metric cosine --json result.json',
      'simdgres bench --paths pgvector-exact,extension-exact --target url --url postgres://me@db.example/test',
    ],
    options: benchOptions,
    load: () => import('./bench.js'),
  },
  {
    name: 'data',
    positionals: '[list | fetch NAME... | remove NAME...]',
    summary: 'list, download or remove the data sets',
    description:
      'Data sets are downloaded when they are first used; this does it ahead of time, or undoes it.',
    examples: ['simdgres data', 'simdgres data fetch glove-100', 'simdgres data remove mnist-784'],
    options: [{ name: 'json', summary: 'list as JSON' }],
    load: () => import('./data.js'),
  },
  ...stackCommands,
]
