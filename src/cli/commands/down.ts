import { SimdgresError } from '../../errors.js'
import type { DownPlan, Stack } from '../../stack/index.js'
import type { Command, CommandContext } from '../options/command.js'
import { readFlag } from '../options/option-table.js'
import {
  dryRunOption,
  jsonOption,
  readStackOptions,
  stackExits,
  stackOptions,
  yesOption,
} from './stack/options.js'

export const down: Command = {
  name: 'down',
  positionals: '',
  summary: 'stop the stack and remove its containers; data stays',
  description:
    'Stops every service within its grace period and removes containers and networks. Volumes, settings and ' +
    'secrets stay, so that the next up goes on with the same data. Folders of STACK_DATA_DIR are never removed.',
  examples: ['simdgres down', 'simdgres down --volumes --yes'],
  options: [
    ...stackOptions,
    { name: 'volumes', summary: 'remove the data and the backups as well; needs --yes' },
    yesOption,
    dryRunOption,
    jsonOption,
  ],
  exits: [[0, 'done'], ...stackExits],
  run,
}

async function run({ arguments: { options }, signal }: CommandContext): Promise<void> {
  const { changeStack, openStack, planDown, takeDown } = await import('../../stack/index.js')
  const request = readStackOptions(options, signal)
  const prepare = (stack: Stack): Promise<DownPlan> => planDown(stack, readFlag(options, 'volumes'))
  const remove = async (stack: Stack): Promise<DownPlan> => {
    const plan = await prepare(stack)
    requireConfirmation(plan, readFlag(options, 'yes'))
    await takeDown(stack, plan).finally(() => request.progress.clear())
    return plan
  }
  const plan = readFlag(options, 'dry-run')
    ? await prepare(await openStack({ ...request, readOnly: true }))
    : await changeStack(request, remove)
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
