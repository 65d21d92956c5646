import { invalidArgument } from '../../errors.js'
import type { rotations } from '../../stack/index.js'
import type { Command, CommandContext } from '../options/command.js'
import { readFlag } from '../options/option-table.js'
import { dryRunOption, jsonOption, readStackOptions, stackExits, stackOptions } from './stack/options.js'
import { print } from './stack/print.js'

const kinds: readonly rotations.SecretKind[] = ['password', 'certificate']

/** Replaces secrets of a running stack. */
export const rotate: Command = {
  name: 'rotate',
  positionals: 'password|certificate [NAME...]',
  summary: 'replace passwords or certificates, in the database and in every service that reads them',
  description:
    'Makes new ones in place of all, or of those that are named. Services that read them are made anew, so their ' +
    'connections end; an application reads its new password in secrets/client. If it is interrupted, simdgres up ' +
    'finishes it.',
  examples: [
    'simdgres rotate password --dry-run',
    'simdgres rotate password app',
    'simdgres rotate certificate pgbouncer',
  ],
  options: [...stackOptions, dryRunOption, jsonOption],
  exits: [[0, 'the new ones are in use'], ...stackExits],
  run,
}

async function run({ arguments: { options, positionals }, signal }: CommandContext): Promise<void> {
  const { rotations } = await import('../../stack/index.js')
  const [kind, ...names] = positionals
  const known = kinds.find((name) => name === kind)
  if (known === undefined) throw invalidArgument('rotate', `one of ${kinds.join(', ')}`, kind ?? 'nothing')
  const request = readStackOptions(options, signal)
  try {
    if (readFlag(options, 'dry-run')) {
      const plan = await rotations.planRotation(request, known, names)
      print(options, plan, describe(plan, 'would replace', 'would make anew'))
      return
    }
    const result = await rotations.rotate(request, known, names)
    request.progress.clear()
    print(options, result, describe(result, 'replaced', 'made anew'))
  } finally {
    request.progress.clear()
  }
}

function describe(
  { kind, names, services }: rotations.RotationPlan,
  replaced: string,
  made: string,
): string[] {
  return [`${replaced} the ${kind} of ${names.join(', ')}`, `${made}: ${services.join(', ') || 'no service'}`]
}
