import type { Recommendation, TuneResult } from '../result/tune-schema.js'
import { isShownFaster } from './tune-search.js'

type Line = Recommendation['settings'][number]

/** Variables of the stack (docker/.env.example) for server parameters; all others are set in the database. */
export const stackVariables: Readonly<Record<string, string>> = {
  shared_buffers: 'POSTGRES_SHARED_BUFFERS',
  effective_cache_size: 'POSTGRES_EFFECTIVE_CACHE_SIZE',
  work_mem: 'POSTGRES_WORK_MEM',
  maintenance_work_mem: 'POSTGRES_MAINTENANCE_WORK_MEM',
  max_parallel_workers: 'POSTGRES_MAX_PARALLEL_WORKERS',
  max_parallel_workers_per_gather: 'POSTGRES_MAX_PARALLEL_WORKERS_PER_GATHER',
}

/** For `simdgres up --tuned FILE`: what the stack has a variable for. */
export function renderTunedEnv(result: TuneResult): string {
  const lines = settingsOf(result).filter(({ name }) => name in stackVariables)
  return `${[
    ...describe(result, '#'),
    ...lines.flatMap((line) => [describeLine(line, '#'), `${stackVariables[line.name]}=${line.recommended}`]),
  ].join('\n')}\n`
}

const restartOnly = new Set(['max_worker_processes', 'huge_pages'])

/** For psql, as the owner of the database: the rest. What changes tables is a comment, as nobody here knows their names. */
export function renderTunedSql(result: TuneResult): string {
  const lines = settingsOf(result).filter(({ name }) => !(name in stackVariables))
  return `${[
    ...describe(result, '--'),
    ...lines.flatMap((line) => [describeLine(line, '--'), ...statementsOf(line)]),
  ].join('\n')}\n`
}

function settingsOf({ recommendation }: TuneResult): readonly Line[] {
  return recommendation?.settings ?? []
}

function statementsOf({ name, recommended }: Line): string[] {
  switch (name) {
    case 'path':
      return [`-- Search by ${recommended}; docs/benchmarks.md says what that is.`]
    case 'storage':
      return [
        `-- ALTER TABLE your_table ALTER COLUMN your_vectors SET STORAGE ${recommended.toUpperCase()};`,
        '-- Rows that are there keep theirs until they are written again: UPDATE your_table SET your_vectors = your_vectors;',
        '-- VACUUM FULL your_table;',
      ]
    case 'parallel_workers':
      return [
        recommended === 'auto'
          ? '-- ALTER TABLE your_table RESET (parallel_workers);'
          : `-- ALTER TABLE your_table SET (parallel_workers = ${recommended});`,
      ]
    case 'm':
    case 'ef_construction':
    case 'lists':
      return [`-- Build the index again: CREATE INDEX … WITH (${name} = ${recommended})`]
  }
  if (restartOnly.has(name)) {
    return [
      `ALTER SYSTEM SET ${name} = '${recommended}';`,
      '-- It needs a restart: simdgres down, simdgres up.',
    ]
  }
  return [
    `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET ${name} = %L', current_database(), '${recommended}'); END $$;`,
  ]
}

/** present → recommended → measured gain. */
function describeLine({ name, present, recommended, speedUp, ci95 }: Line, mark: string): string {
  const gain =
    speedUp === undefined || ci95 === undefined
      ? 'its own share of the gain was not measured'
      : `${speedUp.toFixed(2)} times as fast on fresh servers (${ci95.map((limit) => limit.toFixed(2)).join(' to ')})`
  return `${mark} ${name}: ${present} -> ${recommended}; ${gain}`
}

function describe(
  { recommendation, confirmation, dataset, environment }: TuneResult,
  mark: string,
): string[] {
  const head = `${mark} simdgres tune on ${dataset.name} (${dataset.rows} x ${dataset.dims}), ${environment.cpu}`
  const winner = confirmation?.find(({ name }) => name === recommendation?.winner)
  if (recommendation?.isChange !== true || winner === undefined || !isShownFaster(winner)) {
    return [
      head,
      `${mark} Nothing was shown to be faster than the present setting: there is nothing to change.`,
    ]
  }
  const [low, high] = winner.ci95.map((limit) => limit.toFixed(2))
  return [
    head,
    `${mark} All together, on two fresh deployments: ${winner.speedUp.toFixed(2)} times as fast as the present setting (${low} to ${high}), ` +
      `${winner.blocks} blocks, ${winner.clients} clients`,
  ]
}
