import { invalidArgument, SimdgresError } from '../../errors.js'
import type { Stack } from '../../stack/index.js'
import type { Command, CommandContext } from '../options/command.js'
import { type OptionValues, readFlag, readText } from '../options/option-table.js'
import { readInteger } from '../options/option-values.js'
import {
  dryRunOption,
  jsonOption,
  readStackOptions,
  stackExits,
  stackOptions,
  yesOption,
} from './stack/options.js'
import { pauseOptions, readPause } from './stack/pause.js'

/** Clients of PgBouncer give up after 60 s, so no transaction is waited for longer than this unless told so. */
const pauseSeconds = 20

export const restore: Command = {
  name: 'restore',
  positionals: '[SET]',
  summary: 'bring a backup back beside what is in use, verify it, and swap; what was there is kept',
  description:
    'Restores the newest logical set, or the one named, into a new database, compares it with what was recorded and ' +
    'checks all tables and indexes; then it takes the place of the database in use within one transaction. With ' +
    '--to, restores the whole server as it was at a time into a new volume and puts it behind the pool. Clients ' +
    'wait in the pool during the swap. What was in use before is kept until --drop-old.',
  examples: [
    'simdgres restore --dry-run',
    'simdgres restore --yes',
    'simdgres restore --into look_at_it',
    'simdgres restore --to 2026-01-31T12:00:00Z --yes',
    'simdgres restore --resume --force --yes',
    'simdgres restore --drop-old --yes',
  ],
  options: [
    ...stackOptions,
    {
      name: 'to',
      value: 'TIME',
      summary:
        'the whole server as it was at this time, from the physical backups: 2026-01-31T12:00:00Z, or latest for all of the log',
    },
    {
      name: 'timeline',
      value: 'N',
      summary: 'with --to: the timeline to follow, in place of the one that was in use at that time',
    },
    {
      name: 'repository',
      value: 'N',
      summary: 'with --to: 2 for the backups in the second repository, BACKUP_REPOSITORY2_PATH',
    },
    {
      name: 'into',
      value: 'DATABASE',
      summary: 'restore a logical set beside the database in use, as a new one',
    },
    {
      name: 'resume',
      summary: 'put in its place what an earlier restore has verified and could not put there; needs --yes',
    },
    ...pauseOptions(pauseSeconds),
    { name: 'drop-old', summary: 'remove what earlier restores have kept; needs --yes' },
    yesOption,
    dryRunOption,
    jsonOption,
  ],
  exits: [
    [0, 'done'],
    ...stackExits,
    ['ERR_CHECK_FAILED', 'what was restored differs from the backup: the database before serves on'],
    ['ERR_CORRUPT_DATA', 'the backup is damaged'],
  ],
  run,
}

/** What is to be done, in words, and the work itself. Nothing is changed before `run`. */
interface Plan {
  readonly actions: readonly string[]
  readonly needsConfirmation: boolean
  /** Resolves to a line for people and the same for programs. */
  run(): Promise<{ readonly text: string; readonly result: unknown }>
}

async function run({ arguments: { options, positionals }, signal }: CommandContext): Promise<void> {
  const { changeStack, openStack, repairs } = await import('../../stack/index.js')
  const request = readStackOptions(options, signal)
  const wanted = await readWanted(options, positionals)
  const asJson = readFlag(options, 'json')
  const restore = async (stack: Stack) => {
    // A server that is to be replaced as a whole may be beyond repair.
    await repairs.prepareMove(stack, wanted.to !== undefined)
    const planned = await makePlan(stack, wanted)
    if (planned.needsConfirmation && !readFlag(options, 'yes')) throw unconfirmed(planned)
    return planned.run()
  }
  try {
    if (readFlag(options, 'dry-run')) {
      const { actions } = await makePlan(await openStack({ ...request, readOnly: true }), wanted)
      const text = actions.map((action) => `would ${action}\n`).join('')
      process.stdout.write(asJson ? `${JSON.stringify({ actions })}\n` : text)
      return
    }
    const { text, result } = await changeStack(request, restore)
    request.progress.clear()
    process.stdout.write(asJson ? `${JSON.stringify(result)}\n` : `${text}\n`)
  } finally {
    request.progress.clear()
  }
}

interface Wanted {
  readonly set: string | undefined
  readonly into: string | undefined
  /** As the server writes it. */
  readonly to: string | undefined
  readonly timeline: number | undefined
  readonly repository: 1 | 2
  readonly dropOld: boolean
  readonly resume: boolean
  readonly pause: { readonly pauseLimitMs: number; readonly force: boolean }
}

async function readWanted(options: OptionValues, positionals: readonly string[]): Promise<Wanted> {
  const { restores } = await import('../../stack/index.js')
  const [set, ...surplus] = positionals
  if (surplus.length > 0) throw invalidArgument('the set', 'one name', surplus[0])
  const time = readText(options, 'to')
  const into = readText(options, 'into')
  const dropOld = readFlag(options, 'drop-old')
  const resume = readFlag(options, 'resume')
  if (time !== undefined && (set !== undefined || into !== undefined)) {
    throw invalidArgument('--to', 'no set and no --into beside it', time)
  }
  const what = set ?? into ?? time
  if (dropOld && (what !== undefined || resume)) {
    throw invalidArgument('--drop-old', 'nothing else to restore beside it', what ?? '--resume')
  }
  if (resume && what !== undefined) {
    throw invalidArgument('--resume', 'nothing else to restore beside it', what)
  }
  const timeline = readInteger(options, 'timeline', 1)
  if (timeline !== undefined && time === undefined) {
    throw invalidArgument('--timeline', 'no value without --to', timeline)
  }
  const number = readInteger(options, 'repository', 1, 2)
  if (number !== undefined && time === undefined) {
    throw invalidArgument('--repository', 'no value without --to', number)
  }
  const to = time === undefined ? undefined : restores.parseTargetTime(time)
  const repository = number === 2 ? 2 : 1
  return { set, into, to, timeline, repository, dropOld, resume, pause: readPause(options, pauseSeconds) }
}

async function makePlan(stack: Stack, wanted: Wanted): Promise<Plan> {
  if (wanted.dropOld) return planDrop(stack)
  if (wanted.resume) return planResume(stack, wanted)
  return wanted.to === undefined ? planSet(stack, wanted) : planTime(stack, wanted.to, wanted)
}

async function planSet(stack: Stack, { set: given, into, pause }: Wanted): Promise<Plan> {
  const { restores } = await import('../../stack/index.js')
  const set = await restores.chooseSet(stack, given)
  const name = stack.database
  const swap = `put it in the place of the database ${name}, and keep that one as ${name}_before_<time>`
  return {
    actions: [
      `restore ${set} into a new database${into === undefined ? '' : ` ${into}`} and verify it`,
      ...(into === undefined ? [swap] : []),
    ],
    needsConfirmation: into === undefined,
    async run() {
      const result = await restores.restoreSet(stack, { set, pause, ...(into !== undefined && { into }) })
      const kept = result.kept === undefined ? '' : `; the one before is ${result.kept}`
      const text = `${result.database} is ${set}: ${result.tables} tables, ${result.rows} rows, all as recorded${kept}`
      return { text, result }
    },
  }
}

async function planTime(
  stack: Stack,
  target: string,
  { pause, timeline, repository }: Wanted,
): Promise<Plan> {
  const { restores } = await import('../../stack/index.js')
  return {
    actions: [
      `restore the server as of ${target} into a new volume and verify it`,
      `put it in the place of ${stack.primary}, and keep the volume of that one`,
    ],
    needsConfirmation: true,
    async run() {
      const result = await restores.restoreToTime(stack, target, { ...pause, timeline, repository })
      const text = `${result.primary} is the server as of ${target}; the one before is in the volume ${stack.volumeName(result.kept)}`
      return { text, result }
    },
  }
}

/** A server before a database: it holds everything. */
async function planResume(stack: Stack, { pause }: Wanted): Promise<Plan> {
  const { restores } = await import('../../stack/index.js')
  const volume = restores.findReadyVolume(stack)
  if (volume !== undefined) {
    return {
      actions: [
        `put the restored server in the volume ${stack.volumeName(volume)} in the place of ${stack.primary}, and keep the volume of that one`,
      ],
      needsConfirmation: true,
      async run() {
        const result = await restores.resumeServer(stack, volume, pause)
        const text = `${result.primary} is the restored server; the one before is in the volume ${stack.volumeName(result.kept)}`
        return { text, result }
      },
    }
  }
  const database = await restores.findReadyDatabase(stack)
  if (database === undefined) {
    throw new SimdgresError(
      'ERR_UNAVAILABLE',
      'No restore has left anything that is verified and not in its place',
      'Restore first: simdgres restore --yes.',
    )
  }
  return {
    actions: [`put the database ${database} in the place of ${stack.database}, and keep that one`],
    needsConfirmation: true,
    async run() {
      const result = await restores.resumeDatabase(stack, database, pause)
      return { text: `${result.database} is what was ${database}; the one before is ${result.kept}`, result }
    },
  }
}

async function planDrop(stack: Stack): Promise<Plan> {
  const { moves, restores } = await import('../../stack/index.js')
  const server = moves.findPrevious(stack)
  const databases = await restores.listKeptDatabases(stack)
  const ready = restores.findReadyVolume(stack)
  return {
    actions: [
      ...(ready === undefined ? [] : [`remove the restored server in ${stack.volumeName(ready)}`]),
      ...databases.map((name) => `remove the database ${name}`),
      ...(server
        ? [`remove the server ${server.name} with all data in ${stack.volumeName(server.volume)}`]
        : []),
    ],
    needsConfirmation: databases.length > 0 || server !== undefined || ready !== undefined,
    async run() {
      const dropped = await restores.dropReadyServer(stack)
      const removed = [
        ...(dropped === undefined ? [] : [dropped]),
        ...(await restores.dropKeptDatabases(stack)),
      ]
      if (server) removed.push((await moves.dropOldServer(stack)).volume)
      const text = removed.length === 0 ? 'nothing was kept' : `removed ${removed.join(', ')}`
      return { text, result: { removed } }
    },
  }
}

function unconfirmed({ actions }: Plan): SimdgresError {
  return new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    `This would ${actions.join(', then ')}`,
    'Add --yes to do it.',
  )
}
