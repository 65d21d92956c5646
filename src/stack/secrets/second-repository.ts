import { join } from 'node:path'
import {
  describeSecondRepository,
  findPassphrase,
  secondRepositoryFile,
  secondRepositoryPassphrase,
} from '../../config/second-repository.js'
import { SimdgresError } from '../../errors.js'
import { readText } from '../../system/text-file.js'
import { findOwner, writeSecret } from './secret-files.js'
import { createPassword, type SecretsOutcome, secretsFolderOf } from './secrets.js'
import { ensureServiceFile } from './service-file.js'

const owner = 999

/**
 * Makes the passphrase of the second repository and pgBackRest's settings with it, unless they are there. One that was
 * removed or emptied is taken from these settings: with another, nobody could read what is in the repository.
 * @param path the repository's folder on the host.
 * @throws ERR_INVALID_ARGUMENT for a passphrase that pgBackRest's file cannot hold, and where there are settings that cannot be read.
 */
export async function ensureSecondRepository(folder: string, path: string): Promise<SecretsOutcome> {
  const root = secretsFolderOf(folder)
  const made: string[] = []
  let passphrase = (await readText(join(root, secondRepositoryPassphrase)))?.trim()
  if (!passphrase) {
    passphrase = (await readKnownPassphrase(root)) ?? createPassword()
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
  const text = describeSecondRepository(passphrase, path)
  const file = await ensureServiceFile(folder, { path: secondRepositoryFile, owner }, text)
  return { made: [...made, ...file.made], toOwn: file.toOwn }
}

/** Undefined where there never was one. */
async function readKnownPassphrase(root: string): Promise<string | undefined> {
  const path = join(root, secondRepositoryFile)
  const settings = await readText(`${path}.own`)
  const known = findPassphrase(settings ?? '')
  if (known !== undefined || (settings === undefined && (await findOwner(path)) === undefined)) return known
  throw new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    `${join(root, secondRepositoryPassphrase)} is missing, and the repository is encrypted with it`,
    `Put it back from your copy, or from repo2-cipher-pass in ${path}. To give up what is in the repository, remove ${path} as well.`,
  )
}
