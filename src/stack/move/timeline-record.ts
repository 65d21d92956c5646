import { SimdgresError } from '../../errors.js'
import type { Stack } from '../stack.js'

/**
 * In the volume of the backups, so that it goes with them: when which timeline came into use, a line each of the cluster's
 * system identifier, the timeline and a time. The archive's history files hold positions in the log, but no times, and are
 * there for promotions that were taken back as well.
 */
export const timelineRecord = '/backups/timelines'

/**
 * Records the timeline in use before the first move of a cluster. A promotion that is taken back may leave a history file in
 * the archive, and without any record the files would be all that there is to go by.
 */
export async function recordFirstTimeline(stack: Stack, server: string): Promise<void> {
  await record(stack, server, `if grep -qs "^\${1% *} " ${timelineRecord}; then exit 0; fi`)
}

/** Records that the server, which has just come into use, goes on from now. The move itself is done: a failure is noted. */
export async function recordTimeline(stack: Stack, server: string): Promise<void> {
  await record(stack, server, '')
}

async function record(stack: Stack, server: string, condition: string): Promise<void> {
  const script = `${condition}
    printf '%s %s\\n' "$1" "$(date --utc +%Y-%m-%dT%H:%M:%SZ)" >>${timelineRecord}; sync ${timelineRecord}`
  try {
    const [row] = await stack.query(
      'SELECT system_identifier, timeline_id FROM pg_control_system(), pg_control_checkpoint()',
      { service: server, database: 'postgres' },
    )
    const argv = ['sh', '-euc', script, 'sh', `${row![0]} ${row![1]}`]
    const { exitCode, stderr } = await stack.exec(server, argv)
    if (exitCode !== 0) stack.progress.note(`the new timeline is not recorded: ${stderr.trim()}`)
  } catch (error) {
    if (!(error instanceof SimdgresError)) throw error
    stack.progress.note(`the new timeline is not recorded: ${error.message}`)
  }
}
