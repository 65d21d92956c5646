import { invalidArgument } from '../../errors.js'
import { formatBytes } from '../../report/numbers.js'
import { type BackupRequest, type BackupResult, makeBackup, planRemovals } from '../../stack/backup/backup.js'
import { openStack } from '../../stack/open.js'
import { type Backup, listBackups } from '../../stack/sets/backup-sets.js'
import type { CommandContext } from '../command.js'
import { type OptionValues, readFlag, readText } from '../options/option-table.js'
import { parseChoice, readInteger } from '../options/option-values.js'
import { readStackOptions } from '../options/stack-options.js'

export async function run({ arguments: { options }, signal }: CommandContext): Promise<void> {
  const request = readStackOptions(options, signal)
  const asJson = readFlag(options, 'json')
  const wanted = readRequest(options)
  const stack = await openStack(request)
  try {
    if (readFlag(options, 'list')) {
      const backups = await listBackups(stack)
      process.stdout.write(asJson ? `${JSON.stringify(backups)}\n` : describeList(backups))
    } else if (readFlag(options, 'dry-run')) {
      const plan = { kind: wanted.kind, wouldRemove: await planRemovals(stack, wanted) }
      process.stdout.write(asJson ? `${JSON.stringify(plan)}\n` : describePlan(plan))
    } else {
      const result = await makeBackup(stack, wanted)
      request.progress.clear()
      process.stdout.write(asJson ? `${JSON.stringify(result)}\n` : describe(result))
    }
  } finally {
    request.progress.clear()
  }
}

function readRequest(options: OptionValues): BackupRequest {
  const type = readText(options, 'type')
  const isPhysical = readFlag(options, 'physical')
  if (type !== undefined && !isPhysical) {
    throw invalidArgument('--type', 'no value without --physical', type)
  }
  const keep = readInteger(options, 'keep', 1)
  return {
    kind: isPhysical ? parseChoice('--type', type ?? 'full', ['full', 'diff', 'incr']) : 'logical',
    ...(keep !== undefined && { keep }),
  }
}

function describeList(backups: readonly Backup[]): string {
  if (backups.length === 0) return 'no backups\n'
  return `${backups.map(({ kind, name, bytes, takenAt }) => `${name}  ${kind}  ${formatBytes(bytes)}  ${takenAt}`).join('\n')}\n`
}

function describePlan({ kind, wouldRemove }: { kind: string; wouldRemove: readonly string[] }): string {
  return [`would make a ${kind} backup`, ...wouldRemove.map((name) => `would remove ${name}`)]
    .join('\n')
    .concat('\n')
}

function describe({ backup, removed, durationMs }: BackupResult): string {
  const lines = [`${backup.name}  ${formatBytes(backup.bytes)}  ${(durationMs / 1000).toFixed(1)} s`]
  return `${[...lines, ...removed.map((name) => `removed ${name}`)].join('\n')}\n`
}
