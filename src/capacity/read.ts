import { invalidArgument, SimdgresError } from '../errors.js'
import { type CapacityResult, capacitySchema } from '../result/capacity-schema.js'
import { readText } from '../system/text-file.js'

/** @throws ERR_CORRUPT_DATA where the file is no result of capacity, ERR_INVALID_ARGUMENT where it is not there. */
export async function readCapacity(file: string): Promise<CapacityResult> {
  const text = await readText(file)
  if (text === undefined) throw invalidArgument('--from', 'a file that is there', file)
  try {
    return capacitySchema.parse(JSON.parse(text))
  } catch (error) {
    throw new SimdgresError(
      'ERR_CORRUPT_DATA',
      `${file} is no result of simdgres capacity`,
      'Name a file that simdgres capacity --json wrote.',
      { cause: error },
    )
  }
}
