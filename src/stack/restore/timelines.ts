import { SimdgresError } from '../../errors.js'
import { timelineRecord } from '../move/timeline-record.js'
import { runOffline } from '../sets/backup-script.js'
import { type PhysicalBackup, type Repository, repositoryOptions } from '../sets/backup-sets.js'
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
  info=$(get backup/simdgres/backup.info)
  if [ -z "$info" ]; then exit 0; fi
  field() { printf '%s\\n\\n' "$info" | sed -n '/^\\[db\\]/,/^$/p' | sed -n "s/^db-$1=//p" | tr -d '"'; }
  id=$(field id) system=$(field system-id) version=$(field version)
  echo "database $id"
  archive="archive/simdgres/$version-$id"
  list "$archive" | while read -r name time; do
    echo "history $((16#\${name%.history})) $time"
    get "$archive/$name" | grep -E '^[0-9]+' | while read -r timeline position rest; do echo "ancestor $timeline $position"; done
  done
  if [ -e ${timelineRecord} ]; then sed -n "s/^$system /use /p" ${timelineRecord}; fi`

/** `get FILE` prints a file of the repository, nothing where there is none; `list FOLDER` the history files with their times. */
const readers: Readonly<Record<Repository, string>> = {
  1: `
  cd /backups/pgbackrest 2>/dev/null || exit 0
  get() { if [ -e "$1" ]; then cat "$1"; fi; }
  list() { if [ -d "$1" ]; then find "$1" -maxdepth 1 -name '*.history' -printf '%f %Ts\\n' | sort; fi; }`,
  // Encrypted, and only pgBackRest has the passphrase.
  2: `
  second() { pgbackrest ${repositoryOptions(2).join(' ')} "$@"; }
  # 1: there is no such file.
  get() { second --stanza=simdgres repo-get --ignore-missing "$1" || [ $? = 1 ]; }
  list() {
    second repo-ls --output=json "$1" | { grep -oE '"[0-9A-F]{8}\\.history":\\{[^}]*\\}' || true; } |
      sed -E 's/^"([^"]*)".*"time":([0-9]+).*/\\1 \\2/' | sort
  }`,
}

/** Needs the volume of the backups, not the server. Undefined where there is no physical backup. */
export async function readTimelines(
  stack: Stack,
  repository: Repository = 1,
): Promise<Timelines | undefined> {
  const text = await runOffline(stack, ['bash', '-euo', 'pipefail', '-c', readers[repository] + script])
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

/**
 * The timeline that was in use at a time. Before the first that is recorded, it is the oldest that has a backup: a repository
 * may be younger than the server, and know nothing of the timelines before it.
 */
export function timelineAt(
  { uses, databaseId }: Timelines,
  timeMs: number,
  backups: readonly PhysicalBackup[] = [],
): number {
  const recorded = uses.filter(({ sinceMs }) => sinceMs <= timeMs).at(-1)?.timeline
  const own = backups.filter((backup) => backup.databaseId === databaseId).map(({ timeline }) => timeline)
  return recorded ?? (own.length > 0 ? Math.min(...own) : 1)
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
