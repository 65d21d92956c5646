import { mkdir } from 'node:fs/promises'
import { SimdgresError } from '../errors.js'

/** Makes a folder and those above it. @throws ERR_RESOURCE where that is not possible. */
export async function makeFolder(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode })
  } catch (error) {
    throw new SimdgresError(
      'ERR_RESOURCE',
      `Cannot make the folder ${path}`,
      'Check permissions and space.',
      {
        cause: error,
      },
    )
  }
}
