import { invalidArgument } from '../../errors.js'
import { planMove } from '../../stack/move/replication.js'
import type { MoveStacks } from '../../stack/move/switchover.js'
import { rollBackUpgrade } from '../../stack/upgrade/rollback.js'
import { surveyServer } from '../../stack/upgrade/survey.js'
import { type UpgradeReport, upgradeStack } from '../../stack/upgrade/upgrade.js'
import type { CommandContext } from '../command.js'
import { dropOld, print, readLimits, withMoveStacks } from '../move.js'
import { type OptionValues, readFlag, readText } from '../options/option-table.js'
import { parseChoice } from '../options/option-values.js'

const methods = ['logical', 'dump'] as const

export function run({ arguments: { options }, signal }: CommandContext): Promise<void> {
  return withMoveStacks(options, signal, async (stacks, progress) => {
    if (readFlag(options, 'drop-old')) await dropOld(stacks.stack, options)
    else if (readFlag(options, 'rollback')) await rollBack(stacks, options)
    else if (readFlag(options, 'dry-run')) await showPlan(stacks, options)
    else {
      const report = await upgradeStack(stacks, { ...readLimits(options), ...readTarget(options) })
      progress.clear()
      print(options, report, describe(report))
    }
  })
}

function readTarget(options: OptionValues) {
  const toMajor = readText(options, 'to')
  if (toMajor === undefined || !/^\d\d$/.test(toMajor)) {
    throw invalidArgument('--to', 'a major version such as 18', toMajor)
  }
  return { toMajor, method: parseChoice('--method', readText(options, 'method') ?? 'logical', methods) }
}

async function showPlan({ stack }: MoveStacks, options: OptionValues): Promise<void> {
  const { toMajor, method } = readTarget(options)
  const { from, to } = await planMove(stack, 'upgrade')
  const state = await surveyServer(stack, toMajor, method)
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

async function rollBack(stacks: MoveStacks, options: OptionValues): Promise<void> {
  const report = await rollBackUpgrade(stacks, readLimits(options))
  print(options, report, [
    `${report.to} is the primary again; clients waited ${Math.round(report.pauseMs)} ms at most for it`,
    `${report.from} is kept, stopped, in the volume ${report.keptVolume}: simdgres upgrade --drop-old`,
  ])
}

function describe(report: UpgradeReport): string[] {
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
