import { join } from 'node:path'
import {
  describeSecondRepository,
  secondRepositoryFile,
  secondRepositoryPassphrase,
} from '../../config/second-repository.js'
import { SimdgresError } from '../../errors.js'
import { readText } from '../../system/text-file.js'
import { writeSecret } from './secret-files.js'
import { createPassword, type SecretsOutcome, secretsFolderOf } from './secrets.js'
import { ensureServiceFile } from './service-file.js'

const owner = 999

/**
 * Makes the passphrase of the second repository, unless it is there, and pgBackRest's settings with it. Where the passphrase was
 * lost, pgBackRest refuses what is in the repository: backups fail, and nothing there is replaced.
 * @throws ERR_INVALID_ARGUMENT for a passphrase that pgBackRest's file cannot hold.
 */
export async function ensureSecondRepository(folder: string): Promise<SecretsOutcome> {
  const root = secretsFolderOf(folder)
  const made: string[] = []
  let passphrase = (await readText(join(root, secondRepositoryPassphrase)))?.trim()
  if (!passphrase) {
    passphrase = createPassword()
    await writeSecret(join(root, secondRepositoryPassphrase), passphrase, 0o400)
    made.push(secondRepositoryPassphrase)
  }
  if (!/^[!-~]+$/.test(passphrase)) {
    throw new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      `${join(root, secondRepositoryPassphrase)} is not one line of printable characters without spaces`,
      'Put the passphrase of the repository there, as the other machine has it.',
    )
  }
  const text = describeSecondRepository(passphrase)
  const file = await ensureServiceFile(folder, { path: secondRepositoryFile, owner }, text)
  return { made: [...made, ...file.made], toOwn: file.toOwn }
}
