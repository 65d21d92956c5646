import type { Measurement, ResultRow } from '../../result/schema.js'

/**
 * Gives each row of an index that was built several times what all builds have: how far apart they are is what the
 * interval of one row, over queries alone, cannot say.
 */
export function spreadOverBuilds(rows: readonly ResultRow[]): ResultRow[] {
  const groups = new Map<string, Measurement[]>()
  for (const row of rows) {
    if (isOneOfBuilds(row)) groups.set(nameGroup(row), [...(groups.get(nameGroup(row)) ?? []), row])
  }
  return rows.map((row) => {
    const group = isOneOfBuilds(row) ? groups.get(nameGroup(row))! : []
    return group.length < 2 ? row : { ...(row as Measurement), builds: describeGroup(group) }
  })
}

function isOneOfBuilds(row: ResultRow): row is Measurement {
  return row.status === 'ok' && row.params['build'] !== undefined
}

/** The same for rows that differ in the build alone. */
function nameGroup({ id, arm, load, params: { build: _, ...params } }: Measurement): string {
  return JSON.stringify([id, arm, load, params])
}

function describeGroup(group: readonly Measurement[]): NonNullable<Measurement['builds']> {
  const spread = (values: readonly number[]): [number, number] => [Math.min(...values), Math.max(...values)]
  return {
    count: group.length,
    recall: spread(group.flatMap(({ recall }) => recall?.mean ?? [])),
    p50Ms: spread(group.map(({ latencyMs }) => latencyMs.p50)),
    buildMs: spread(group.flatMap(({ indexBuild }) => indexBuild?.ms ?? [])),
  }
}
