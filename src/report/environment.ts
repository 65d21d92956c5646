import { formatBytes, formatNumber } from '../result/numbers.js'
import { type Column, column } from './columns.js'
import type { NamedResult } from './side-by-side.js'

/** Something about the machine, the server or the request, in each result. */
export interface Fact {
  readonly name: string
  readonly values: readonly string[]
}

/** What a run's figures depend on. */
export function listFacts(results: readonly NamedResult[]): Fact[] {
  const facts = results.map(({ result: { environment: e, dataset: d, ...result } }) => ({
    started: result.startedAt,
    profile: result.profile,
    seed: String(result.seed),
    'data set': `${d.name}, ${d.rows} x ${d.dims}, ${d.metric}, k = ${d.k}, ${d.queries} queries`,
    'hash of the data': d.sha256.slice(0, 16),
    processor: `${e.cpu}, ${e.cores} cores`,
    'instruction set': e.isa,
    memory: formatBytes(e.memoryBytes),
    'read bandwidth of one thread': `${formatNumber(e.readBandwidthGBps)} GB/s`,
    'fingerprint of the machine': result.machine.fingerprint,
    kernel: e.kernel,
    node: e.node,
    commit: e.commit.slice(0, 12),
    target: e.target,
    ...(e.limits && {
      'limits of the server': `${formatNumber(e.limits.cpus)} processors, ${formatBytes(e.limits.memoryBytes)}`,
    }),
    ...(e.postgres && { PostgreSQL: e.postgres }),
    ...(e.pgvector && { pgvector: e.pgvector }),
    ...(e.extension && { simdgres: `${e.extension} (${e.extensionIsa})` }),
    ...e.settings,
  }))
  const names = [...new Set(facts.flatMap((own) => Object.keys(own)))]
  return names.map((name) => ({
    name,
    values: facts.map((own) => (own as Readonly<Record<string, string>>)[name] ?? '–'),
  }))
}

/** One for each result; where they differ, the second one says so. */
export function listFactColumns(results: readonly NamedResult[]): Column<Fact>[] {
  const differs = ({ values }: Fact) => values.some((value) => value !== values[0])
  return [
    column('what', 'left', ({ name }) => name),
    ...(results.length > 1 ? [column<Fact>('differs', 'left', (fact) => (differs(fact) ? '≠' : ''))] : []),
    ...results.map(({ name }, i) =>
      column<Fact>(results.length > 1 ? name : 'value', 'left', ({ values }) => values[i]!),
    ),
  ]
}
