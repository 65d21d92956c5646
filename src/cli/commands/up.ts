import { invalidArgument } from '../../errors.js'
import { bringUp, previewUp, type UpOptions, type UpResult } from '../../stack/up.js'
import type { CommandContext } from '../command.js'
import { readFlag, readList } from '../options/option-table.js'
import { readStackOptions } from '../options/stack-options.js'

export async function run({ arguments: { options }, signal }: CommandContext): Promise<void> {
  const stackRequest = readStackOptions(options, signal)
  const request: UpOptions = {
    ...stackRequest,
    profiles: readList(options, 'profile'),
    settings: Object.fromEntries(readList(options, 'set').map(splitSetting)),
    tune: readFlag(options, 'tune'),
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

function describeServices({ services, reviews }: Pick<UpResult, 'services' | 'reviews'>): string[] {
  return [
    ...Object.entries(services).map(([name, change]) => `  ${name}: ${change}\n`),
    ...reviews.map(({ name, value, recommended, isImpossible }) => {
      const note = isImpossible ? 'too much for this machine, ' : ''
      return `  ${name}=${value}; ${note}recommended ${recommended}\n`
    }),
  ]
}
