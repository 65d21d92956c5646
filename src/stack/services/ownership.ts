import type { Engine } from '../../engine/engine.js'
import { SimdgresError } from '../../errors.js'
import { runOnFolder } from './host-folder.js'

/** Who has to own a file or folder. The group has the same number. */
export interface Ownership {
  /** Relative to the folder that is mounted. */
  readonly path: string
  readonly owner: number
}

/**
 * Changes owners in a folder of the host.
 * @param imageId any image of the stack.
 */
export async function changeOwners(
  engine: Engine,
  imageId: string,
  folder: string,
  files: readonly Ownership[],
  signal: AbortSignal,
): Promise<void> {
  const { exitCode, stderr } = await runOnFolder(engine, {
    imageId,
    folder,
    argv: ['/bin/sh', '-euc', 'while read -r owner path; do chown "$owner:$owner" "$path"; done'],
    // DAC_READ_SEARCH reaches files in folders that only their owner may enter.
    capabilities: ['CHOWN', 'DAC_READ_SEARCH'],
    stdin: files.map(({ path, owner }) => `${owner} ${path}\n`).join(''),
    signal,
  })
  if (exitCode === 0) return
  throw new SimdgresError(
    'ERR_RESOURCE',
    `Cannot give the files in ${folder} to the services: ${stderr.trim()}`,
    'The file system has to know owners; choose another folder with --dir.',
  )
}
