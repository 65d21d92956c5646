import type { KnobValues, Settings } from './points.js'
import type { TunedServer } from './tuned-server.js'

/** What the server has now, in its own words; of parameters that it does not know, nothing. */
export async function readPresent({ arm }: TunedServer, knobs: readonly KnobValues[]): Promise<Settings> {
  const session = arm.workspace?.session
  if (session === undefined) return {}
  const rows = await session.query<{ name: string; value: string | null }>(
    'SELECT name, current_setting(name, true) AS value FROM unnest($1::text[]) AS name',
    [[...knobs.map(({ knob }) => knob.name), ...alsoRead]],
  )
  return Object.fromEntries(rows.flatMap(({ name, value }) => (value ? [[name, value]] : [])))
}

/** What starting points set beside the knobs. */
const alsoRead = ['effective_cache_size', 'max_worker_processes', 'max_parallel_workers', 'work_mem']
