import { invalidArgument, SimdgresError } from '../../errors.js'
import type { Stack, upgrades } from '../../stack/index.js'
import type { Command, CommandContext } from '../options/command.js'
import { type OptionValues, readFlag, readText } from '../options/option-table.js'
import { parseChoice } from '../options/option-values.js'
import { dropOld, moveOptions, readLimits, withMovingStack } from './stack/move.js'
import { dryRunOption, jsonOption, stackExits, stackOptions, yesOption } from './stack/options.js'
import { print } from './stack/print.js'

const methods = ['logical', 'dump'] as const

export const upgrade: Command = {
  name: 'upgrade',
  positionals: '',
  summary: 'move to another major version of PostgreSQL, by logical replication or by a dump',
  description:
    'Starts a server of the new version, copies roles, schemas, extensions, rows and sequences, lets it follow, and ' +
    'sends the pool there during a pause of about a second; all tables are then compared. The old server follows ' +
    'the new one, so that --rollback loses nothing, until --drop-old. With --method dump clients are held back for the ' +
    'whole copy, and there is no rollback: a query that has waited for 60 s (query_wait_timeout of PgBouncer) fails, ' +
    'so stop the applications where the copy takes longer.',
  examples: [
    'simdgres upgrade --to 18 --dry-run',
    'simdgres upgrade --to 18',
    'simdgres upgrade --rollback',
    'simdgres upgrade --drop-old --yes',
  ],
  options: [
    { name: 'to', value: 'MAJOR', summary: 'version to move to: 18' },
    {
      name: 'method',
      value: 'NAME',
      summary:
        'logical: replication, with a pause of about a second; dump: clients wait for the whole copy, 60 s at most',
      fallback: methods[0],
    },
    {
      name: 'rollback',
      summary: 'go back to the server from before the upgrade, with all that was written since',
    },
    ...moveOptions,
    yesOption,
    ...stackOptions,
    dryRunOption,
    jsonOption,
  ],
  exits: [
    [0, 'the new server serves'],
    ...stackExits,
    ['ERR_CHECK_FAILED', 'the new server is not the same as the old one; the message says which one serves'],
    ['ERR_CORRUPT_DATA', 'what an upgrade before this one has recorded is damaged'],
  ],
  run,
}

async function run({ arguments: { options }, signal }: CommandContext): Promise<void> {
  const { upgrades } = await import('../../stack/index.js')
  requireOneAim(options)
  return withMovingStack(options, signal, async (stack, progress) => {
    if (readFlag(options, 'drop-old')) await dropOld(stack, options)
    else if (readFlag(options, 'dry-run')) await showPlan(stack, options)
    else if (readFlag(options, 'rollback')) await rollBack(stack, options)
    else {
      const report = await upgrades.upgradeStack(stack, { ...readLimits(options), ...readTarget(options) })
      progress.clear()
      print(options, report, describe(report))
    }
  })
}

/** To move on, to go back and to burn the bridge are three things: none is done instead of another. */
function requireOneAim(options: OptionValues): void {
  const aims = ['to', 'rollback', 'drop-old'].filter((name) => options[name] !== undefined)
  if (aims.length <= 1) return
  throw new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    `${aims.map((name) => `--${name}`).join(' and ')} are different things to do`,
    'Choose one of them.',
  )
}

function readTarget(options: OptionValues) {
  const toMajor = readText(options, 'to')
  if (toMajor === undefined || !/^\d\d$/.test(toMajor)) {
    throw invalidArgument('--to', 'a major version such as 18', toMajor)
  }
  return { toMajor, method: parseChoice('--method', readText(options, 'method') ?? methods[0], methods) }
}

async function showPlan(stack: Stack, options: OptionValues): Promise<void> {
  if (readFlag(options, 'rollback')) return showRollback(stack, options)
  const { toMajor, method } = readTarget(options)
  const { moves, upgrades } = await import('../../stack/index.js')
  const { from, to } = await moves.planMove(stack, 'upgrade')
  const state = await upgrades.surveyServer(stack, toMajor, method)
  const tables = Object.entries(state.fullIdentity).flatMap(([database, names]) =>
    names.map((name) => `${database}: ${name}`),
  )
  print(options, { from, to, ...state }, [
    `start PostgreSQL ${toMajor} as ${to.name} (volume ${to.volume})`,
    `copy ${Object.keys(state.connectionLimits).join(', ')} from ${from.name} (${state.fromMajor}) by ${method}`,
    ...tables.map((name) => `REPLICA IDENTITY FULL for the time of the upgrade: ${name}`),
    `pause the pool, close ${from.name}, point the pool at ${to.name}, resume`,
    method === 'logical' ? `${from.name} follows, for a rollback` : `${from.name} is kept as it was`,
  ])
}

async function showRollback(stack: Stack, options: OptionValues): Promise<void> {
  const { upgrades } = await import('../../stack/index.js')
  const { from, to, fromMajor } = await upgrades.planRollback(stack)
  print(options, { from, to, fromMajor }, [
    `start ${to.name} (PostgreSQL ${fromMajor}, volume ${to.volume}) if it is down, and let it catch up`,
    `pause the pool, close ${from.name}, point the pool at ${to.name}, resume`,
    `keep ${from.name}, stopped, in the volume ${from.volume}`,
  ])
}

async function rollBack(stack: Stack, options: OptionValues): Promise<void> {
  const { upgrades } = await import('../../stack/index.js')
  const report = await upgrades.rollBackUpgrade(stack, readLimits(options))
  print(options, report, [
    `${report.to} is the primary again; clients waited ${Math.round(report.pauseMs)} ms at most for it`,
    `${report.from} is kept, stopped, in the volume ${report.keptVolume}: simdgres upgrade --drop-old`,
  ])
}

function describe(report: upgrades.UpgradeReport): string[] {
  const { from, to, toMajor, method, pauseMs, tables, rows, keptVolume } = report
  return [
    `${to} runs PostgreSQL ${toMajor}; clients waited ${Math.round(pauseMs)} ms at most for it`,
    `${tables} tables with ${rows} rows are the same on both`,
    ...report.extensionChanges.map((change) => `newer extension: ${change}`),
    method === 'logical'
      ? `${from} follows in the volume ${keptVolume}: simdgres upgrade --rollback, or at the end --drop-old`
      : `${from} is kept as it was in the volume ${keptVolume}: simdgres upgrade --drop-old`,
  ]
}
