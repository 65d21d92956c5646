import { SimdgresError } from '../errors.js'
import { readText } from '../system/text-file.js'
import { moveSettings } from './move/replication.js'
import { envPath } from './settings.js'
import type { Stack } from './stack.js'

/**
 * For a folder that has no .env: the setting that takes the data of an earlier stack of this name over. A first boot into a
 * new volume beside it would look like the loss of all data.
 * @param given settings that the caller was told.
 * @throws ERR_INVALID_ARGUMENT naming the volumes where it could be in several.
 */
export async function findKeptData(
  stack: Stack,
  given: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, string>>> {
  if (given[moveSettings.primaryVolume] || (await readText(envPath(stack.folder))) !== undefined) return {}
  const kept = (await stack.listVolumes()).filter((name) => /^postgres_data(_\d+)?$/.test(name))
  const [first] = kept
  if (first === undefined) return {}
  if (kept.length === 1) {
    stack.progress.note(`taking over the data of an earlier stack in the volume ${stack.volumeName(first)}`)
    return { [moveSettings.primaryVolume]: first }
  }
  throw new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    `${kept.map((name) => stack.volumeName(name)).join(' and ')} hold data of an earlier stack of this name, and no .env says which was in use`,
    `Name it, without the prefix: simdgres up --set ${moveSettings.primaryVolume}=${kept.at(-1)}`,
  )
}
