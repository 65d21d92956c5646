import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { SimdgresError } from '../../errors.js'
import { writeFileAtomically } from '../../system/atomic-file.js'
import { readText } from '../../system/text-file.js'
import type { Stack } from '../stack.js'

/** upgrade.json in the stack's folder: what a rollback or the end of the upgrade needs to know later. */
const stateSchema = z.object({
  method: z.enum(['logical', 'dump']),
  fromMajor: z.string(),
  toMajor: z.string(),
  /** Every database, with the number of connections that it allowed. */
  connectionLimits: z.record(z.string(), z.number()),
  /** Databases with tables, in the order of the numbers in the names of subscriptions and slots. */
  replicated: z.array(z.string()),
  /** By database, the tables that have REPLICA IDENTITY FULL during the upgrade. */
  fullIdentity: z.record(z.string(), z.array(z.string())),
})

export type UpgradeState = z.output<typeof stateSchema>

function statePath(stack: Stack): string {
  return join(stack.folder, 'upgrade.json')
}

export async function writeUpgradeState(stack: Stack, state: UpgradeState): Promise<void> {
  await writeFileAtomically(statePath(stack), [Buffer.from(`${JSON.stringify(state, null, 2)}\n`)])
}

/** Undefined if no upgrade is under way or waiting for its end. @throws ERR_CORRUPT_DATA */
export async function readUpgradeState(stack: Stack): Promise<UpgradeState | undefined> {
  const text = await readText(statePath(stack))
  if (text === undefined) return undefined
  try {
    return stateSchema.parse(JSON.parse(text))
  } catch (error) {
    throw new SimdgresError(
      'ERR_CORRUPT_DATA',
      `${statePath(stack)} cannot be read`,
      'Restore it from a copy of the stack folder.',
      { cause: error },
    )
  }
}

export async function removeUpgradeState(stack: Stack): Promise<void> {
  await rm(statePath(stack), { force: true })
}
