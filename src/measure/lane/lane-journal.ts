import { z } from 'zod'
import type { Journal } from '../../result/journal.js'
import type { TurnJournal } from '../measure.js'
import { rowKey } from './lane.js'
import type { LaneFacts, LaneRun, TurnRecord } from './lane-run.js'

/** Digits beyond a nanosecond say nothing. */
const perMillisecond = 1e6

const turnSchema = z.object({
  round: z.int(),
  isCut: z.boolean(),
  clientUse: z.number(),
  times: z.array(z.number()),
  rows: z.array(z.int()),
  count: z.int(),
  wallMs: z.number(),
  /** The first answers: row of the query, and ids. */
  hits: z.array(z.tuple([z.int(), z.array(z.int())])),
  /** Of an open loop. */
  arrivals: z.object({ lagsMs: z.array(z.number()), waiting: z.int() }).optional(),
})

const entrySchema = z.object({
  lane: z.string(),
  facts: z.custom<LaneFacts>((value) => typeof value === 'object').optional(),
  turn: turnSchema.optional(),
  failure: z.string().optional(),
})

type Entry = z.infer<typeof entrySchema>

/** Turns of lanes in a journal. A lane is known again by its arm, path and settings. */
export class LaneJournal implements TurnJournal {
  readonly #journal: Journal
  readonly #known = new Map<string, Entry[]>()
  /** What of a lane is in the journal. */
  readonly #kept = new Map<LaneRun, { turns: number; facts: boolean }>()

  constructor(journal: Journal) {
    this.#journal = journal
    for (const line of journal.entries) {
      const entry = entrySchema.parse(line)
      this.#known.set(entry.lane, [...(this.#known.get(entry.lane) ?? []), entry])
    }
  }

  restore(run: LaneRun): void {
    for (const { facts, turn, failure } of this.#known.get(nameIn(run)) ?? []) {
      if (facts !== undefined) run.facts = facts
      if (turn !== undefined) run.restore(decodeTurn(turn))
      if (failure !== undefined) run.failure = failure
    }
    this.#kept.set(run, { turns: run.turns.length, facts: run.facts !== undefined })
  }

  async keep(run: LaneRun): Promise<void> {
    const kept = this.#kept.get(run) ?? { turns: 0, facts: false }
    const lane = nameIn(run)
    if (run.facts !== undefined && !kept.facts) await this.#journal.append({ lane, facts: run.facts })
    for (const turn of run.turns.slice(kept.turns)) {
      await this.#journal.append({ lane, turn: encodeTurn(turn) })
    }
    if (run.failure !== undefined) await this.#journal.append({ lane, failure: run.failure })
    this.#kept.set(run, { turns: run.turns.length, facts: run.facts !== undefined })
  }
}

function nameIn({ lane }: LaneRun): string {
  return `${lane.arm} ${rowKey(lane)}`
}

function encodeTurn({
  round,
  isCut,
  clientUse,
  times,
  queryRows,
  count,
  wallMs,
  hits,
  arrivals,
}: TurnRecord): z.infer<typeof turnSchema> {
  return {
    round,
    isCut,
    clientUse,
    times: toNanoseconds(times),
    rows: Array.from(queryRows),
    count,
    wallMs,
    hits: [...hits].map(([row, ids]) => [row, Array.from(ids)]),
    ...(arrivals && { arrivals: { ...arrivals, lagsMs: toNanoseconds(arrivals.lagsMs) } }),
  }
}

function toNanoseconds(times: Float64Array): number[] {
  return Array.from(times, (ms) => Math.round(ms * perMillisecond) / perMillisecond)
}

function decodeTurn({
  round,
  isCut,
  clientUse,
  times,
  rows,
  count,
  wallMs,
  hits,
  arrivals,
}: z.infer<typeof turnSchema>): TurnRecord {
  return {
    round,
    isCut,
    clientUse,
    times: Float64Array.from(times),
    queryRows: Uint32Array.from(rows),
    count,
    wallMs,
    hits: new Map(hits.map(([row, ids]) => [row, Uint32Array.from(ids)])),
    ...(arrivals && { arrivals: { ...arrivals, lagsMs: Float64Array.from(arrivals.lagsMs) } }),
  }
}
