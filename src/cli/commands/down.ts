import { SimdgresError } from '../../errors.js'
import { type DownPlan, planDown, takeDown } from '../../stack/down.js'
import { openStack } from '../../stack/open.js'
import type { CommandContext } from '../command.js'
import { readFlag } from '../option-table.js'
import { readStackOptions } from '../stack-options.js'

export async function run({ arguments: { options }, signal }: CommandContext): Promise<void> {
  const request = readStackOptions(options, signal)
  const stack = await openStack(request)
  const plan = await planDown(stack, readFlag(options, 'volumes'))
  if (!readFlag(options, 'dry-run')) {
    requireConfirmation(plan, readFlag(options, 'yes'))
    await takeDown(stack, plan).finally(() => request.progress.clear())
  }
  process.stdout.write(readFlag(options, 'json') ? `${JSON.stringify(toJson(plan))}\n` : describe(plan))
}

function requireConfirmation({ volumes }: DownPlan, isConfirmed: boolean): void {
  if (volumes.length === 0 || isConfirmed) return
  throw new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    `This removes all data in the volumes ${volumes.join(', ')}`,
    'Make a backup outside of them first, then add --yes.',
  )
}

function toJson({ containers, volumes }: DownPlan) {
  return { containers: containers.map(({ name }) => name), volumes }
}

function describe({ containers, volumes }: DownPlan): string {
  const parts = [
    ...containers.map(({ name }) => `container ${name}`),
    ...volumes.map((name) => `volume ${name}`),
  ]
  return parts.length === 0 ? 'nothing to remove\n' : `${parts.join('\n')}\n`
}
