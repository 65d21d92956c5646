import { join } from 'node:path'
import { readText } from '../../system/text-file.js'
import { findOwner, writeSecret } from './secret-files.js'
import type { SecretFile } from './secret-list.js'
import { type SecretsOutcome, secretsFolderOf } from './secrets.js'

/**
 * Writes a file that a service reads, unless it says the same already: one that is written anew is a change, for which the
 * service is made anew. This user may not read what belongs to a service, so `<path>.own` keeps a copy.
 */
export async function ensureServiceFile(
  folder: string,
  file: SecretFile,
  text: string,
): Promise<SecretsOutcome> {
  const root = secretsFolderOf(folder)
  const path = join(root, file.path)
  const copy = `${path}.own`
  const made: string[] = []
  if ((await findOwner(path)) === undefined || (await readText(copy)) !== text) {
    await writeSecret(path, text, 0o400)
    await writeSecret(copy, text, 0o400)
    made.push(file.path)
  }
  return { made, toOwn: (await findOwner(path)) === file.owner ? [] : [file] }
}
