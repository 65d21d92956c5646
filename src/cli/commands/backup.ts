import { invalidArgument } from '../../errors.js'
import { formatBytes } from '../../result/numbers.js'
import type { backups } from '../../stack/index.js'
import type { Command, CommandContext } from '../options/command.js'
import { type OptionValues, readFlag, readText } from '../options/option-table.js'
import { parseChoice, readInteger } from '../options/option-values.js'
import { dryRunOption, jsonOption, readStackOptions, stackExits, stackOptions } from './stack/options.js'

export const backup: Command = {
  name: 'backup',
  positionals: '',
  summary: 'make a backup, checked and complete or not there at all',
  description:
    'Dumps the database with everything that a restore has to reproduce: rows and hash of each table, sequences, ' +
    'versions of extensions, under one snapshot. With --physical, copies the files of the server and archives its ' +
    'log, for restores to any point in time. Older backups are removed only after the new one is complete. The ' +
    'profile backup of simdgres up does both on a schedule.',
  examples: [
    'simdgres backup',
    'simdgres backup --physical --type incr',
    'simdgres backup --list',
    'simdgres backup --export set.tar',
  ],
  options: [
    ...stackOptions,
    { name: 'physical', summary: 'copy the files of the server with pgBackRest, for point-in-time recovery' },
    {
      name: 'type',
      value: 'TYPE',
      summary: 'kind of physical backup: full, or diff or incr, which hold only what has changed since',
      fallback: 'full',
    },
    {
      name: 'keep',
      value: 'N',
      summary:
        'how many good logical sets, or full physical backups, to keep; older ones are removed once this one is complete',
      fallback: 'BACKUP_KEEP (30), BACKUP_KEEP_FULL (2)',
    },
    {
      name: 'export',
      value: 'FILE',
      summary: 'write the newest logical set into a tar archive on this machine, and make no backup',
    },
    { name: 'list', summary: 'list the backups and make none' },
    dryRunOption,
    jsonOption,
  ],
  exits: [[0, 'done; a backup that was made is complete'], ...stackExits],
  run,
}

async function run({ arguments: { options }, signal }: CommandContext): Promise<void> {
  const { backups, openStack } = await import('../../stack/index.js')
  const request = readStackOptions(options, signal)
  const asJson = readFlag(options, 'json')
  const wanted = readRequest(options)
  const file = readText(options, 'export')
  const stack = await openStack({
    ...request,
    readOnly: readFlag(options, 'list') || readFlag(options, 'dry-run'),
  })
  try {
    if (readFlag(options, 'list')) {
      const list = await backups.listBackups(stack)
      process.stdout.write(asJson ? `${JSON.stringify(list)}\n` : describeList(list))
    } else if (file !== undefined && readFlag(options, 'dry-run')) {
      process.stdout.write(
        asJson ? `${JSON.stringify({ file })}\n` : `would write the newest set into ${file}\n`,
      )
    } else if (file !== undefined) {
      const exported = await backups.exportSet(stack, file)
      request.progress.clear()
      const text = `${exported.set} is in ${exported.file}, ${formatBytes(exported.bytes)}\n`
      process.stdout.write(asJson ? `${JSON.stringify(exported)}\n` : text)
    } else if (readFlag(options, 'dry-run')) {
      const plan = { kind: wanted.kind, wouldRemove: await backups.planRemovals(stack, wanted) }
      process.stdout.write(asJson ? `${JSON.stringify(plan)}\n` : describePlan(plan))
    } else {
      const result = await backups.makeBackup(stack, wanted)
      request.progress.clear()
      process.stdout.write(asJson ? `${JSON.stringify(result)}\n` : describe(result))
    }
  } finally {
    request.progress.clear()
  }
}

function readRequest(options: OptionValues): backups.BackupRequest {
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

function describeList(list: readonly backups.Backup[]): string {
  if (list.length === 0) return 'no backups\n'
  return `${list.map(({ kind, name, bytes, takenAt }) => `${name}  ${kind}  ${formatBytes(bytes)}  ${takenAt}`).join('\n')}\n`
}

function describePlan({ kind, wouldRemove }: { kind: string; wouldRemove: readonly string[] }): string {
  return [`would make a ${kind} backup`, ...wouldRemove.map((name) => `would remove ${name}`)]
    .join('\n')
    .concat('\n')
}

function describe({ backup, removed, durationMs }: backups.BackupResult): string {
  const lines = [`${backup.name}  ${formatBytes(backup.bytes)}  ${(durationMs / 1000).toFixed(1)} s`]
  return `${[...lines, ...removed.map((name) => `removed ${name}`)].join('\n')}\n`
}
