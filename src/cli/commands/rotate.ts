import { invalidArgument } from '../../errors.js'
import type { rotations } from '../../stack/index.js'
import type { Command, CommandContext } from '../options/command.js'
import { type OptionValues, readFlag } from '../options/option-table.js'
import { dryRunOption, jsonOption, readStackOptions, stackExits, stackOptions } from './stack/options.js'
import { print } from './stack/print.js'

const kinds: readonly rotations.SecretKind[] = ['password', 'certificate', 'ca']

/** Replaces secrets of a running stack. */
export const rotate: Command = {
  name: 'rotate',
  positionals: '[password|certificate|ca [NAME...]]',
  summary:
    'replace passwords, certificates or the authority, in the database and in every service that reads them',
  description:
    'Makes new ones in place of all, or of those that are named. Services that read them are made anew, so their ' +
    'connections end; an application reads its new password in secrets/client. If it is interrupted, simdgres up ' +
    'finishes it. The authority (ca) goes in two parts: after the first, secrets/client/ca.crt holds two, and servers ' +
    'keep their certificates until every client has that file; --finish then makes new ones by the new authority alone.',
  examples: [
    'simdgres rotate password --dry-run',
    'simdgres rotate password app',
    'simdgres rotate certificate pgbouncer',
    'simdgres rotate --all',
    'simdgres rotate ca',
    'simdgres rotate ca --finish',
  ],
  options: [
    ...stackOptions,
    { name: 'all', summary: 'every password and every certificate' },
    {
      name: 'finish',
      summary: 'with ca: the new authority signs, and the one before is not trusted any more',
    },
    dryRunOption,
    jsonOption,
  ],
  exits: [[0, 'the new ones are in use'], ...stackExits],
  run,
}

async function run({ arguments: { options, positionals }, signal }: CommandContext): Promise<void> {
  const { rotations } = await import('../../stack/index.js')
  const rotation = readRotation(options, positionals)
  const request = readStackOptions(options, signal)
  try {
    if (readFlag(options, 'dry-run')) {
      const plan = await rotations.planRotation(request, rotation)
      print(options, plan, describe(plan, 'would replace', 'would make anew'))
      return
    }
    const result = await rotations.rotate(request, rotation)
    request.progress.clear()
    print(options, result, describe(result, 'replaced', 'made anew'))
  } finally {
    request.progress.clear()
  }
}

function readRotation(options: OptionValues, positionals: readonly string[]): rotations.Rotation {
  const [kind, ...names] = positionals
  const isEnd = readFlag(options, 'finish')
  if (readFlag(options, 'all')) {
    if (kind !== undefined || isEnd) throw invalidArgument('--all', 'nothing beside it', kind ?? '--finish')
    return { kinds: ['password', 'certificate'], names, isEnd }
  }
  const known = kinds.find((name) => name === kind)
  if (known === undefined) {
    throw invalidArgument('rotate', `one of ${kinds.join(', ')}, or --all`, kind ?? 'nothing')
  }
  if (isEnd && known !== 'ca') throw invalidArgument('--finish', 'ca before it', known)
  return { kinds: [known], names, isEnd }
}

function describe(
  { kinds, names, services }: rotations.RotationPlan,
  replaced: string,
  made: string,
): string[] {
  return [
    `${replaced} the ${kinds.join(' and ')} of ${names.join(', ')}`,
    `${made}: ${services.join(', ') || 'no service'}`,
  ]
}
