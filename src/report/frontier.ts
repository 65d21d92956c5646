import { nameLoad } from '../result/load-name.js'
import type { BenchResult, Measurement } from '../result/schema.js'

/** Rows that do the same work, so that recall and speed are all that tells them apart. */
export interface WorkGroup {
  /** In words; nothing for searches of all rows by one client. */
  readonly name: string
  readonly rows: readonly Measurement[]
}

/** Rows that found something, by filter and load; those of an open loop have the rate that they are given, and are left out. */
export function groupByWork({ paths }: BenchResult): WorkGroup[] {
  const groups = new Map<string, Measurement[]>()
  for (const row of paths) {
    if (row.status !== 'ok' || row.recall === undefined || row.load.kind !== 'closed') continue
    const name = nameWork(row)
    groups.set(name, [...(groups.get(name) ?? []), row])
  }
  return [...groups].map(([name, rows]) => ({ name, rows }))
}

function nameWork({ params, load }: Measurement): string {
  const { filter } = params
  return [filter === undefined ? '' : `filter ${filter}`, nameLoad(load)]
    .filter((part) => part !== '')
    .join(', ')
}

/**
 * Rows than which nothing in their group and place is both as accurate and faster; the lowest recall first. An application that
 * waits for one answer to a new question can choose them: batches and cached answers are none of them.
 */
export function findFrontier(rows: readonly Measurement[], place: Place): Measurement[] {
  const choices = rows
    .filter((row) => isChoice(row) && placeOf(row) === place)
    .sort((a, b) => b.qps.value - a.qps.value || recallOf(b) - recallOf(a))
  const frontier: Measurement[] = []
  for (const row of choices) {
    if (frontier.every((faster) => recallOf(faster) < recallOf(row))) frontier.push(row)
  }
  return frontier
}

/** Where a search runs. An application rarely has the choice between them: vectors lie in a server, or with it. */
export const places = ['in the server', 'in this process'] as const
export type Place = (typeof places)[number]

/** Paths of the addon need no connection. */
const placeOf = ({ id }: Measurement): Place =>
  id.startsWith('addon-') ? 'in this process' : 'in the server'

/** Of all groups and places of a result. */
export function findBestRows(result: BenchResult): Set<Measurement> {
  return new Set(
    groupByWork(result).flatMap(({ rows }) => places.flatMap((place) => findFrontier(rows, place))),
  )
}

/** Whether every question can be answered that way. */
export const isChoice = ({ id, latencyMs }: Measurement) => latencyMs.averagedOver === 1 && id !== 'cache'
export const recallOf = ({ recall }: Measurement) => recall?.mean ?? 0
