import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { SimdgresError } from '../../errors.js'
import { writeFileAtomically } from '../../system/atomic-file.js'
import { readText } from '../../system/text-file.js'
import type { Stack } from '../stack.js'

const placeSchema = z.object({ name: z.string(), volume: z.string() })

/**
 * move.json in the stack's folder, there while a move is under way: whoever finds it while nobody holds the stack's lock
 * has found a move that was killed, and knows from .env whether it is to be undone or finished.
 */
const recordSchema = z.object({
  kind: z.enum(['switchover', 'upgrade', 'rollback', 'restore', 'swap']),
  /** The server that clients used before. */
  from: placeSchema,
  /** The one that takes its place; the same where databases of one server are exchanged. */
  to: placeSchema,
  /** When the move began, ISO 8601. */
  since: z.string(),
  /** In the imperative: what is being done, or was when the move was killed. */
  step: z.string(),
  /** The new server is complete: only the exchange is left. */
  isReady: z.boolean(),
  /** Indexes that are to be rebuilt once clients are at work on the new server. */
  staleIndexes: z.array(z.string()),
  /** Of a restore from the second repository: the first is to get a backup of the restored server. */
  repository: z.literal(2).optional(),
  /** Of a swap: the restored database that is to take the place of the application's. */
  restored: z.string().optional(),
})

export type MoveRecord = z.output<typeof recordSchema>
export type MoveKind = MoveRecord['kind']

/** What a move is called in notes and messages. */
export const moveTitles: Readonly<Record<MoveKind, string>> = {
  switchover: 'switchover',
  upgrade: 'upgrade',
  rollback: 'rollback of an upgrade',
  restore: 'restore of the server',
  swap: 'restore of a database',
}

/** ` from postgres to postgres-green`; empty where one server stays in use. */
export function describeServers({ kind, from, to }: Pick<MoveRecord, 'kind' | 'from' | 'to'>): string {
  return kind === 'swap' ? '' : ` from ${from.name} to ${to.name}`
}

function journalPath(stack: Stack): string {
  return join(stack.folder, 'move.json')
}

/** The move that is under way, or was when its command was killed. @throws ERR_CORRUPT_DATA */
export async function readMove(stack: Stack): Promise<MoveRecord | undefined> {
  const text = await readText(journalPath(stack))
  if (text === undefined) return undefined
  try {
    return recordSchema.parse(JSON.parse(text))
  } catch (error) {
    throw new SimdgresError(
      'ERR_CORRUPT_DATA',
      `${journalPath(stack)} cannot be read`,
      'It says how far a move has got. Restore it from a copy of the stack folder; if there is none, remove it, then: simdgres repair.',
      { cause: error },
    )
  }
}

/** For whoever has undone or finished the move. */
export async function forgetMove(stack: Stack): Promise<void> {
  await rm(journalPath(stack), { force: true })
}

/** Writes down each step of a move before it is done. */
export class MoveJournal {
  readonly #stack: Stack
  readonly #observe: ((step: string) => void | Promise<void>) | undefined
  #record: MoveRecord
  #isComplete = true

  private constructor(
    stack: Stack,
    record: MoveRecord,
    observe: ((step: string) => void | Promise<void>) | undefined,
  ) {
    this.#stack = stack
    this.#record = record
    this.#observe = observe
  }

  /** @param observe called with the name of each step once it is written down, before it is done. */
  static begin(
    stack: Stack,
    move: Pick<MoveRecord, 'kind' | 'from' | 'to' | 'restored' | 'repository'>,
    observe: ((step: string) => void | Promise<void>) | undefined,
  ): MoveJournal {
    const record = { ...move, since: new Date().toISOString(), step: '', isReady: false, staleIndexes: [] }
    return new MoveJournal(stack, record, observe)
  }

  async enter(
    step: string,
    changes: Partial<Pick<MoveRecord, 'isReady' | 'staleIndexes'>> = {},
  ): Promise<void> {
    this.#record = { ...this.#record, ...changes, step }
    const text = `${JSON.stringify(this.#record, null, 2)}\n`
    await writeFileAtomically(journalPath(this.#stack), [Buffer.from(text)])
    await this.#observe?.(step)
  }

  get repository(): MoveRecord['repository'] {
    return this.#record.repository
  }

  /** Something could not be undone: the journal stays, for `simdgres repair`. */
  markIncomplete(): void {
    this.#isComplete = false
  }

  /** The move is done, or undone. */
  async end(): Promise<void> {
    if (this.#isComplete) await forgetMove(this.#stack)
  }
}
