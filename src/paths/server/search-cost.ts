import { escapeIdentifier } from 'pg'
import { SimdgresError } from '../../errors.js'
import type { SearchCost } from '../../result/row-studies.js'
import { median, sortSamples } from '../../stats/samples.js'
import type { PreparedSearch } from './prepared-search.js'
import type { Session } from './session.js'
import { encodeParameter } from './vector-codec.js'

/** Searches that are timed whole, and then the same whose server tells its times: both meet the same moment. */
const blockQueries = 10
const leastQueries = 3

/** The server tells the client, and not its own log. It tells nothing else. */
const telling: readonly (readonly [name: string, value: string])[] = [
  ['log_min_messages', 'fatal'],
  ['log_statement', 'none'],
  ['log_min_duration_statement', '-1'],
  ['client_min_messages', 'log'],
]

/** In ms. */
interface ClientTimes {
  readonly total: number
  readonly encode: number
  readonly decode: number
}

interface ServerTimes {
  readonly plan: number
  readonly execute: number
  /** Of the same search, the time that neither the client nor the server has counted. */
  readonly between?: number
}

/**
 * Where the time of a search goes, by medians. The client's parts are those of plain searches. The server's are of searches for
 * the same queries in the same session, which tell them, and so is what lies between: one search has both. A role that may not make
 * the server tell gets its parts from EXPLAIN.
 */
export async function measureSearchCost(
  search: PreparedSearch,
  queries: readonly Float32Array[],
  limitMs: number,
): Promise<SearchCost> {
  const source = (await mayTell(search.session)) ? 'log_duration' : 'explain'
  const askServer = source === 'log_duration' ? tellDurations : explainDurations
  const client: ClientTimes[] = []
  const server: ServerTimes[] = []
  const start = performance.now()
  const isOver = () => client.length >= leastQueries && performance.now() - start >= limitMs
  for (let first = 0; first < queries.length && !isOver(); first += blockQueries) {
    const block: Float32Array[] = []
    for (const query of queries.slice(first, first + blockQueries)) {
      if (isOver()) break
      client.push(await timeSearch(search, query))
      block.push(query)
    }
    server.push(...(await askServer(search, block)))
  }
  const middle = <T>(times: readonly T[], part: keyof T) =>
    median(sortSamples(times.map((one) => Number(one[part]))))
  const [encodeMs, decodeMs] = [middle(client, 'encode'), middle(client, 'decode')]
  const [planMs, executeMs] = [middle(server, 'plan'), middle(server, 'execute')]
  const counted = encodeMs + planMs + executeMs + decodeMs
  const networkMs = Math.max(
    0,
    source === 'explain' ? middle(client, 'total') - counted : middle(server, 'between'),
  )
  return {
    ...{ calls: client.length, totalMs: counted + networkMs },
    ...{ encodeMs, planMs, executeMs, decodeMs, networkMs, source },
  }
}

async function timeSearch(
  { session, statement, format, numberOf = Number }: PreparedSearch,
  query: Float32Array,
): Promise<ClientTimes> {
  return session.run('searching', async (client) => {
    const { stream } = client.connection
    let receivedMs = 0
    const stamp = () => {
      receivedMs = performance.now()
    }
    // Before the driver's own listener, which decodes.
    stream.prependListener('data', stamp)
    try {
      const startMs = performance.now()
      const values = [encodeParameter(format, query)]
      const answer = client.query<[unknown], Buffer[]>({ ...statement, values, rowMode: 'array' })
      // The driver has written the message by now.
      const sentMs = performance.now()
      const { rows } = await answer
      const ids = new Uint32Array(rows.length)
      for (let i = 0; i < rows.length; i++) ids[i] = numberOf(rows[i]![0])
      const endMs = performance.now()
      return { total: endMs - startMs, encode: sentMs - startMs, decode: endMs - receivedMs }
    } finally {
      stream.off('data', stamp)
    }
  })
}

/** Makes the session one whose server tells what each message took, once it is told to; false where the role may not. */
async function mayTell(session: Session): Promise<boolean> {
  try {
    await session.set('log_duration', 'off')
    for (const [name, value] of telling) await session.set(name, value)
    return true
  } catch (error) {
    if (error instanceof SimdgresError && error.code === 'ERR_UNAVAILABLE') return false
    throw error
  }
}

/** `duration: 0.123 ms`, in the server's language. */
const duration = /^\D*(\d+\.\d+) ms$/

/** A search is two messages: Bind, which reads the parameter and gets the plan, and Execute. */
async function tellDurations(
  search: PreparedSearch,
  queries: readonly Float32Array[],
): Promise<ServerTimes[]> {
  const { session } = search
  const told: number[] = []
  const listen = ({ message = '' }: { message?: string | undefined }) => {
    const ms = duration.exec(message)?.[1]
    if (ms !== undefined) told.push(Number(ms))
  }
  const times: ServerTimes[] = []
  await session.set('log_duration', 'on')
  session.client.on('notice', listen)
  try {
    for (const query of queries) {
      told.length = 0
      const { total, encode, decode } = await timeSearch(search, query)
      const [plan, execute, ...others] = told
      if (plan === undefined || execute === undefined || others.length > 0) {
        throw new Error(`The server told ${told.length} times of a search, and not two`)
      }
      times.push({ plan, execute, between: total - encode - decode - plan - execute })
    }
  } finally {
    session.client.off('notice', listen)
    await session.set('log_duration', 'off')
  }
  return times
}

interface Timed {
  readonly 'Planning Time': number
  readonly 'Execution Time': number
}

async function explainDurations(
  { session, statement, format }: PreparedSearch,
  queries: readonly Float32Array[],
): Promise<ServerTimes[]> {
  const times: ServerTimes[] = []
  for (const query of queries) {
    const [row] = await session.query<{ 'QUERY PLAN': readonly [Timed] }>(
      `EXPLAIN (ANALYZE, TIMING OFF, SUMMARY ON, FORMAT JSON) EXECUTE ${escapeIdentifier(statement.name)}('${format.print(query)}')`,
      [],
      'asking where the time goes',
    )
    const { 'Planning Time': plan, 'Execution Time': execute } = row!['QUERY PLAN'][0]
    times.push({ plan, execute })
  }
  return times
}
