import { randomBytes, X509Certificate } from 'node:crypto'
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { KeyPair } from '../../system/certificates.js'
import { makeFolder } from '../../system/folder.js'
import { readText } from '../../system/text-file.js'
import { beginAuthority, finishAuthority, readAuthority } from './authority.js'
import { findSize, writeIfDifferent, writeSecret } from './secret-files.js'
import {
  type CertificateRow,
  certificateRows,
  filesOf,
  ownUser,
  passwordRows,
  type SecretFile,
} from './secret-list.js'

const passwordBytes = 32
/** `up` renews a certificate that ends within this time, and `status` warns of it. */
export const renewalDays = 30
const dayMs = 24 * 3600 * 1000

export interface SecretsOutcome {
  /** What this call made; paths below the secrets folder. */
  readonly made: readonly string[]
  /** Files whose owner has to be changed. This process may lack the right to do it. */
  readonly toOwn: readonly SecretFile[]
}

export function secretsFolderOf(folder: string): string {
  return join(folder, 'secrets')
}

/**
 * Makes the passwords and certificates that a stack lacks. Replaces none but certificates that end soon. Nothing is
 * readable by others at any moment.
 */
export async function ensureSecrets(folder: string, project: string): Promise<SecretsOutcome> {
  const root = secretsFolderOf(folder)
  await makeFolder(join(root, 'client'), 0o700)
  const made: string[] = []
  for (const { files } of passwordRows) {
    if (await areAllThere(root, files)) continue
    const value = createPassword()
    for (const { path } of files) await writeSecret(join(root, path), value, 0o400)
    made.push(...files.map(({ path }) => path))
  }
  made.push(...(await ensureCertificates(root, project)))
  return { made, toOwn: await findForeignOwners(root) }
}

export function createPassword(): string {
  return randomBytes(passwordBytes).toString('base64url')
}

/** Puts `password` in the place of the one of this name, in every reader's file. */
export async function replacePassword(folder: string, name: string, password: string): Promise<void> {
  const root = secretsFolderOf(folder)
  for (const path of filesOf('password', name)) await writeSecret(join(root, path), password, 0o400)
}

/** Has the next `ensureSecrets` make certificates of these names, with new keys. */
export async function discardCertificates(folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) await rm(join(secretsFolderOf(folder), `${name}.crt`), { force: true })
}

/**
 * Replaces the authority, in two parts: first clients and services trust the next one as well, then it signs and the one
 * before is forgotten. The next `ensureSecrets` does the rest.
 * @throws ERR_UNAVAILABLE where the second part comes without the first.
 */
export async function replaceAuthority(folder: string, project: string, isEnd: boolean): Promise<void> {
  const root = secretsFolderOf(folder)
  if (isEnd)
    await finishAuthority(
      root,
      certificateRows.map(({ name }) => name),
    )
  else await beginAuthority(root, project)
}

/** Whether clients are to fetch the certificate of another authority. */
export async function isAuthorityLeaving(folder: string): Promise<boolean> {
  return (await readAuthority(secretsFolderOf(folder)))?.isLeaving === true
}

async function areAllThere(root: string, files: readonly SecretFile[]): Promise<boolean> {
  const sizes = await Promise.all(files.map(({ path }) => findSize(join(root, path))))
  return sizes.every((size) => size !== undefined && size > 0)
}

async function ensureCertificates(root: string, project: string): Promise<string[]> {
  const made: string[] = []
  let authority = await readAuthority(root)
  if (!authority) {
    const { createAuthority } = await loadCertificateMaker()
    const pair = await createAuthority(project)
    authority = { ...pair, trustedPem: pair.certificatePem, isLeaving: false }
    // First: even if this is interrupted, no server keeps a certificate of the lost authority.
    for (const { name } of certificateRows) await rm(join(root, `${name}.crt`), { force: true })
    await writeSecret(join(root, 'ca.key'), authority.keyPem, 0o400)
    await writeSecret(join(root, 'ca.crt'), authority.certificatePem, 0o444)
    made.push('ca.crt')
  }
  for (const path of ['ca.crt', 'client/ca.crt'])
    await writeIfDifferent(join(root, path), authority.trustedPem)
  for (const row of certificateRows) {
    if (await isCertificateGood(root, row)) continue
    const { createServerCertificate } = await loadCertificateMaker()
    await writeKeyPair(root, row.name, await createServerCertificate(row.names, authority))
    made.push(`${row.name}.crt`)
  }
  return made
}

/** Loaded on demand: it takes a quarter of a second, and most commands never need it. */
function loadCertificateMaker() {
  return import('../../system/certificates.js')
}

async function isCertificateGood(root: string, { name, names }: CertificateRow): Promise<boolean> {
  const pem = await readText(join(root, `${name}.crt`))
  if (pem === undefined || (await findSize(join(root, `${name}.key`))) === undefined) return false
  const certificate = new X509Certificate(pem)
  const isLasting = Date.parse(certificate.validTo) - Date.now() > renewalDays * dayMs
  return isLasting && names.dns.every((dns) => certificate.checkHost(dns) !== undefined)
}

/** Removes the certificate first and writes it last: a certificate that is there always fits its key. */
async function writeKeyPair(root: string, name: string, pair: KeyPair): Promise<void> {
  await rm(join(root, `${name}.crt`), { force: true })
  await writeSecret(join(root, `${name}.key`), pair.keyPem, 0o400)
  await writeSecret(join(root, `${name}.crt`), pair.certificatePem, 0o444)
}

async function findForeignOwners(root: string): Promise<SecretFile[]> {
  const files = [
    ...passwordRows.flatMap((row) => row.files),
    ...certificateRows.map(({ name, owner }) => ({ path: `${name}.key`, owner })),
  ]
  const wrong: SecretFile[] = []
  for (const file of files) {
    if (file.owner === ownUser) continue
    const { uid } = await stat(join(root, file.path))
    if (uid !== file.owner) wrong.push(file)
  }
  return wrong
}

export interface CertificateEnd {
  readonly name: string
  readonly daysLeft: number
}

/** When the stack's certificates end, the authority's included. */
export async function readCertificateEnds(folder: string): Promise<CertificateEnd[]> {
  const ends: CertificateEnd[] = []
  for (const name of ['ca', ...certificateRows.map((row) => row.name)]) {
    const pem = await readText(join(secretsFolderOf(folder), `${name}.crt`))
    if (pem === undefined) continue
    const endMs = Date.parse(new X509Certificate(pem).validTo)
    ends.push({ name, daysLeft: Math.floor((endMs - Date.now()) / dayMs) })
  }
  return ends
}
