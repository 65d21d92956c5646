import { SimdgresError, throwIfAborted } from '../errors.js'
import { Session } from '../paths/server/session.js'
import { createTarget } from '../targets/choose.js'
import { readShards } from './address.js'
import { type Control, moveRows } from './move.js'
import { makePlan, type ShardPlan, type Statement } from './plan.js'
import type { PlanOptions } from './search.js'
import { readSource } from './source.js'

export interface ShardRequest extends PlanOptions {
  readonly url: string
  /** URLs with a comma between. */
  readonly shards: string
  readonly table: string
  readonly id: string
  readonly vector: string
}

/** Reads the catalogue of the coordinator and asks no shard. @throws ERR_INVALID_ARGUMENT, ERR_UNAVAILABLE */
export async function planShards(request: ShardRequest, control: Control): Promise<ShardPlan> {
  const shards = readShards(request.shards)
  const session = await connect(request.url, control)
  try {
    return makePlan(await readSource(session, request), shards, request)
  } finally {
    await session.close()
  }
}

/**
 * Runs the statements of `plan`; what else it asks only reads. May be stopped and repeated at any point: a batch of rows is one
 * transaction, everything else is made only where it is missing.
 * @returns rows that were moved now, by shard.
 * @throws ERR_UNAVAILABLE that names the shard, ERR_CHECK_FAILED where a shard's rows are not the source's.
 */
export async function applyPlan(url: string, plan: ShardPlan, control: Control): Promise<number[]> {
  const sessions: Session[] = []
  try {
    sessions.push(await connect(url, control))
    for (const [i, shard] of plan.shards.entries())
      sessions.push(
        await connect(shard.url, control).catch((error) => nameShard(error, i + 1, shard.address)),
      )
    for (const statement of plan.before) await runStatement(sessions, statement, control)
    const moved: number[] = []
    for (const load of plan.loads)
      moved.push(await moveRows(sessions[0]!, sessions[load.on]!, load, plan.batch, control))
    for (const statement of plan.after) await runStatement(sessions, statement, control)
    return moved
  } finally {
    for (const session of sessions) await session.close()
  }
}

async function connect(url: string, control: Control): Promise<Session> {
  const target = await createTarget('url', { ...control, url })
  return Session.open(await target.deploy({}), { signal: control.signal })
}

function nameShard(error: unknown, number: number, address: string): never {
  if (!(error instanceof SimdgresError) || error.code === 'ERR_ABORTED') throw error
  throw new SimdgresError(
    error.code,
    `Shard ${number} (${address}) cannot be used: ${error.message}`,
    `${error.hint} Then run the same apply again: it goes on where it stopped.`,
    { cause: error },
  )
}

async function runStatement(
  sessions: readonly Session[],
  statement: Statement,
  { signal }: Control,
): Promise<void> {
  throwIfAborted(signal)
  const text = statement.secret ?? statement.text
  // A simple query: some are several statements. The driver gives an array of results then.
  const result = await sessions[statement.on]!.run(shorten(statement.text), (client) => client.query(text))
  if (statement.otherwise === undefined) return
  if (result.rows[0]?.ok === true) return
  throw new SimdgresError('ERR_INVALID_ARGUMENT', statement.otherwise.message, statement.otherwise.hint)
}

function shorten(text: string): string {
  return `running ${text.length > 60 ? `${text.slice(0, 57)}...` : text}`
}
