import { mean } from '../stats/samples.js'
import type { BuildPairs, Builds, Evidence } from './evidence.js'
import type { PairedRow } from './observe.js'

/** What one stage says of one row of the report: of an approximate path, all its builds together. */
export interface JudgedRow {
  readonly key: string
  readonly subject: string
  readonly pathId: string
  /** log(head / base) of the time of a query. */
  readonly time: Evidence
  /** Of an approximate path. */
  readonly recall?: Builds
  readonly checks: PairedRow['checks']
}

/** Rows of approximate paths that differ in the build alone become one; the others stay as they are. */
export function judgeRows(rows: readonly PairedRow[], k: number): JudgedRow[] {
  const groups = new Map<string, PairedRow[]>()
  for (const row of rows) groups.set(row.key, [...(groups.get(row.key) ?? []), row])
  return [...groups.values()].map((group) => {
    const [{ key, subject, pathId, effects, recalls }] = group as [PairedRow]
    if (recalls === undefined) return { key, subject, pathId, time: effects, checks: group[0]!.checks }
    return {
      key,
      subject,
      pathId,
      time: timeBuilds(group),
      recall: countBuilds(group, k),
      checks: mergeChecks(group),
    }
  })
}

/** All blocks of a build share its luck: their mean is the one thing that is known of it. */
function timeBuilds(group: readonly PairedRow[]): BuildPairs {
  return { by: 'build pair', effects: group.map(({ effects }) => mean(effects)) }
}

/** Over the queries that all builds were asked: the luck of the queries is the same for all of them. */
function countBuilds(group: readonly PairedRow[], k: number): Builds {
  const counted = group.map(({ recalls }) => recalls!)
  const all = counted.flatMap(({ base, head }) => [base, head])
  const shared = [...all[0]!.keys()].filter((row) => all.every((recalls) => recalls.has(row)))
  const meanOf = (recalls: ReadonlyMap<number, number>) => mean(shared.map((row) => recalls.get(row)!))
  return {
    by: 'build',
    base: counted.map(({ base }) => meanOf(base)),
    head: counted.map(({ head }) => meanOf(head)),
    resolution: 1 / (shared.length * k),
  }
}

/** What is the same of every build is said once. */
function mergeChecks(group: readonly PairedRow[]): PairedRow['checks'] {
  const checks = group.flatMap((row) => row.checks)
  return checks.filter(({ check }, i) => checks.findIndex((other) => other.check === check) === i)
}
