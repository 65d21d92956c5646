import { SimdgresError } from '../../errors.js'
import { timelineRecord } from '../move/timeline-record.js'
import { runOffline } from '../sets/backup-script.js'
import type { PhysicalBackup } from '../sets/backup-sets.js'
import type { Stack } from '../stack.js'

/** A timeline that another one came from, and where in the log it was left. */
export interface Ancestor {
  readonly timeline: number
  readonly leftAt: bigint
}

/** What is known of the cluster whose log the archive takes now. */
export interface Timelines {
  /** pgBackRest's number of the cluster; another version of PostgreSQL has another. */
  readonly databaseId: number
  /** By timeline; those of the first are none. */
  readonly histories: ReadonlyMap<number, readonly Ancestor[]>
  /** When a timeline came into use, the oldest first. The first was in use before all of them. */
  readonly uses: readonly { readonly timeline: number; readonly sinceMs: number }[]
}

/** Prints what `parseTimelines` reads. A history file belongs to the cluster if it is in the folder of its version and id. */
const script = `
  cd /backups
  info=pgbackrest/backup/simdgres/backup.info
  if [ ! -e "$info" ]; then exit 0; fi
  field() { sed -n '/^\\[db\\]/,/^$/p' "$info" | sed -n "s/^db-$1=//p" | tr -d '"'; }
  id=$(field id) system=$(field system-id) version=$(field version)
  echo "database $id"
  for file in "pgbackrest/archive/simdgres/$version-$id"/*.history; do
    if [ ! -e "$file" ]; then continue; fi
    name=\${file##*/}
    echo "history $((16#\${name%.history})) $(stat --format=%Y "$file")"
    grep -E '^[0-9]+' "$file" | while read -r timeline position rest; do echo "ancestor $timeline $position"; done
  done
  if [ -e ${timelineRecord} ]; then sed -n "s/^$system /use /p" ${timelineRecord}; fi`

/** Needs the volume of the backups, not the server. Undefined where there is no physical backup. */
export async function readTimelines(stack: Stack): Promise<Timelines | undefined> {
  const text = await runOffline(stack, ['bash', '-euo', 'pipefail', '-c', script])
  return text.trim() === '' ? undefined : parseTimelines(text)
}

export function parseTimelines(text: string): Timelines {
  let databaseId = 0
  const histories = new Map<number, Ancestor[]>()
  const archivedAtMs = new Map<number, number>()
  const uses: { timeline: number; sinceMs: number }[] = []
  let current: Ancestor[] = []
  for (const line of text.split('\n')) {
    const [kind, first = '', second = ''] = line.split(' ')
    if (kind === 'database') databaseId = Number(first)
    if (kind === 'history') {
      current = []
      histories.set(Number(first), current)
      archivedAtMs.set(Number(first), Number(second) * 1000)
    }
    if (kind === 'ancestor') current.push({ timeline: Number(first), leftAt: parsePosition(second) })
    if (kind === 'use') uses.push({ timeline: Number(first), sinceMs: Date.parse(second) })
  }
  // Moves from before there were records: the file came into the archive soon after the timeline came into use.
  const oldestMs = uses[0]?.sinceMs ?? Number.POSITIVE_INFINITY
  const unrecorded = [...archivedAtMs]
    .map(([timeline, sinceMs]) => ({ timeline, sinceMs }))
    .filter(({ timeline, sinceMs }) => sinceMs < oldestMs && !uses.some((use) => use.timeline === timeline))
  return { databaseId, histories, uses: [...unrecorded, ...uses].sort((a, b) => a.sinceMs - b.sinceMs) }
}

/** The timeline that was in use at a time. */
export function timelineAt({ uses }: Timelines, timeMs: number): number {
  return uses.filter(({ sinceMs }) => sinceMs <= timeMs).at(-1)?.timeline ?? 1
}

/**
 * The newest backup that was complete at a time and whose log leads to it on `timeline`.
 * @throws ERR_UNAVAILABLE where there is none.
 */
export function chooseBackup(
  backups: readonly PhysicalBackup[],
  timelines: Timelines,
  timeline: number,
  timeMs: number,
): PhysicalBackup {
  const history = timelines.histories.get(timeline) ?? []
  const leads = (backup: PhysicalBackup): boolean =>
    backup.timeline === timeline ||
    history.some((one) => one.timeline === backup.timeline && parsePosition(backup.stopsAt) <= one.leftAt)
  const complete = backups.filter(({ takenAt }) => Date.parse(takenAt) <= timeMs)
  const usable = complete.filter((backup) => backup.databaseId === timelines.databaseId && leads(backup))
  const newest = usable.sort((a, b) => Date.parse(a.takenAt) - Date.parse(b.takenAt)).at(-1)
  if (newest) return newest
  const oldest = backups.map(({ takenAt }) => takenAt).sort()[0]
  const others = complete.map(({ name, timeline: own }) => `${name} (timeline ${own})`).join(', ')
  throw new SimdgresError(
    'ERR_UNAVAILABLE',
    complete.length === 0
      ? `No physical backup was complete at ${new Date(timeMs).toISOString()}${oldest === undefined ? '' : `; the oldest is of ${oldest}`}`
      : `No physical backup leads to ${new Date(timeMs).toISOString()} on timeline ${timeline}, which was in use then: ${others} are of other timelines or of another version`,
    oldest === undefined
      ? 'Make one: simdgres backup --physical.'
      : 'Choose a later time, another --timeline, or restore a logical set.',
  )
}

/** Of the server's form 16/B374D848. */
function parsePosition(text: string): bigint {
  const [high = '0', low = '0'] = text.split('/')
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`)
}
