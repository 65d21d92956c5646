import { invalidArgument } from '../../errors.js'
import type { UpOptions, UpResult } from '../../stack/index.js'
import type { Command, CommandContext } from '../options/command.js'
import { readFlag, readList, readText } from '../options/option-table.js'
import { dryRunOption, jsonOption, readStackOptions, stackExits, stackOptions } from './stack/options.js'

/** Starts the stack of docker/compose.yaml. */
export const up: Command = {
  name: 'up',
  positionals: '',
  summary: 'start the stack: PostgreSQL behind PgBouncer, with profiles for cache, monitoring and backup',
  description:
    'Builds what has to be built, writes the settings that fit this machine into the folder’s .env, makes passwords ' +
    'and certificates, and starts the services in order. What runs as described already is left alone. Ends when ' +
    'every service is healthy.',
  examples: [
    'simdgres up',
    'simdgres up --profile monitoring --profile backup',
    'simdgres up --set STACK_PORT=6543',
    'simdgres up --rebuild',
  ],
  options: [
    ...stackOptions,
    {
      name: 'profile',
      value: 'NAME',
      repeatable: true,
      summary: 'also start cache, monitoring or backup; kept in .env',
    },
    { name: 'set', value: 'NAME=VALUE', repeatable: true, summary: 'put a setting into .env' },
    { name: 'tune', summary: 'replace settings in .env by those that fit this machine' },
    {
      name: 'tuned',
      value: 'FILE',
      summary:
        'put the settings that simdgres tune --out has found into .env; the server is restarted with them',
    },
    { name: 'untune', summary: 'put back what was in .env before --tuned' },
    {
      name: 'rebuild',
      summary:
        'build all images with the packages of today: security updates and minor versions; restarts the services',
    },
    dryRunOption,
    jsonOption,
  ],
  exits: [[0, 'every service is healthy'], ...stackExits],
  run,
}

async function run({ arguments: { options }, signal }: CommandContext): Promise<void> {
  const { bringUp, previewUp } = await import('../../stack/index.js')
  const tunedFile = readText(options, 'tuned')
  const untune = readFlag(options, 'untune')
  if (tunedFile !== undefined && untune) {
    throw invalidArgument('--untune', 'no --tuned beside it', tunedFile, 'Leave out one of the two.')
  }
  const stackRequest = readStackOptions(options, signal)
  const request: UpOptions = {
    ...stackRequest,
    profiles: readList(options, 'profile'),
    settings: Object.fromEntries(readList(options, 'set').map(splitSetting)),
    tune: readFlag(options, 'tune'),
    untune,
    rebuild: readFlag(options, 'rebuild'),
    ...(tunedFile !== undefined && { tunedFile }),
  }
  const isJson = readFlag(options, 'json')
  if (readFlag(options, 'dry-run')) {
    const preview = await previewUp(request)
    process.stdout.write(isJson ? `${JSON.stringify(preview)}\n` : describeServices(preview).join(''))
    return
  }
  const result = await bringUp(request).finally(() => stackRequest.progress.clear())
  process.stdout.write(isJson ? `${JSON.stringify(result)}\n` : describe(result))
}

function splitSetting(text: string): [name: string, value: string] {
  const match = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(text)
  if (!match) throw invalidArgument('--set', 'NAME=VALUE', text)
  return [match[1]!, match[2]!]
}

function describe(result: UpResult): string {
  const { project, folder, durationMs } = result
  const title = `${project} is healthy after ${(durationMs / 1000).toFixed(1)} s (${folder})\n`
  return title + describeServices(result).join('')
}

function describeServices({
  services,
  migrations,
  reviews,
  parameters,
}: Pick<UpResult, 'services' | 'migrations' | 'reviews' | 'parameters'>): string[] {
  return [
    ...Object.entries(services).map(([name, change]) => `  ${name}: ${change}\n`),
    ...Object.entries(parameters).map(([name, value]) => `  parameter ${name}: ${value}\n`),
    ...migrations.map((name) => `  migration ${name}: applied\n`),
    ...reviews.map(({ name, value, recommended, isImpossible }) => {
      const note = isImpossible ? 'too much for this machine, ' : ''
      return `  ${name}=${value}; ${note}recommended ${recommended}\n`
    }),
  ]
}
