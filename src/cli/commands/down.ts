import { SimdgresError } from '../../errors.js'
import { type DownPlan, planDown, takeDown } from '../../stack/down.js'
import { openStack } from '../../stack/open.js'
import { withStackLock } from '../../stack/stack-lock.js'
import type { CommandContext } from '../command.js'
import { readFlag } from '../options/option-table.js'
import { readStackOptions } from '../options/stack-options.js'

export async function run({ arguments: { options }, signal }: CommandContext): Promise<void> {
  const request = readStackOptions(options, signal)
  const isConfirmed = readFlag(options, 'yes')
  const prepare = async () => {
    const stack = await openStack(request)
    return { stack, plan: await planDown(stack, readFlag(options, 'volumes')) }
  }
  const remove = async (): Promise<DownPlan> => {
    const { stack, plan } = await prepare()
    requireConfirmation(plan, isConfirmed)
    await takeDown(stack, plan).finally(() => request.progress.clear())
    return plan
  }
  const plan = readFlag(options, 'dry-run') ? (await prepare()).plan : await withStackLock(request, remove)
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
