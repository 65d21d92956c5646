import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { SimdgresError } from '../../errors.js'
import type { KeyPair } from '../../system/certificates.js'
import { readText } from '../../system/text-file.js'
import { writeSecret } from './secret-files.js'

/**
 * The stack's authority. `ca.crt` holds what is trusted: its certificate, and while it is being replaced also that of the next
 * one, whose key waits in `ca-next.key`. Which certificate is the authority's says `ca.key`, so no order of writing the two
 * files can leave a wrong pair.
 */
export interface Authority extends KeyPair {
  /** What `ca.crt` has to hold. */
  readonly trustedPem: string
  /** Whether another one is to take its place. */
  readonly isLeaving: boolean
}

/** Undefined where there is none, or one of its files is lost. */
export async function readAuthority(root: string): Promise<Authority | undefined> {
  const blocks = splitCertificates((await readText(join(root, 'ca.crt'))) ?? '')
  const keyPem = await readText(join(root, 'ca.key'))
  if (keyPem === undefined) return undefined
  const own = findOwn(blocks, keyPem)
  if (own === undefined) return undefined
  const nextKey = await readText(join(root, 'ca-next.key'))
  const next = nextKey === undefined ? undefined : findOwn(blocks, nextKey)
  return {
    certificatePem: own,
    keyPem,
    trustedPem: own + (next ?? ''),
    isLeaving: next !== undefined,
  }
}

/** Has clients and services trust another authority beside the present one, which goes on signing. Done twice, it does no harm. */
export async function beginAuthority(root: string, project: string): Promise<void> {
  const present = await readAuthority(root)
  if (present === undefined || present.isLeaving) return
  const { createAuthority } = await import('../../system/certificates.js')
  // Another name: some clients look no further than the first authority of the name that a certificate has.
  const next = await createAuthority(`${project} ${new Date().toISOString().slice(0, 19)}`)
  await writeSecret(join(root, 'ca-next.key'), next.keyPem, 0o400)
  await writeSecret(join(root, 'ca.crt'), present.certificatePem + next.certificatePem, 0o444)
}

/**
 * Puts the next authority in the place of the present one, which nobody trusts from then on.
 * @param names of the certificates that are made anew by it.
 * @throws ERR_UNAVAILABLE where none was begun.
 */
export async function finishAuthority(root: string, names: readonly string[]): Promise<void> {
  await requireNextAuthority(root)
  // First: whenever this is interrupted, no server keeps a certificate of the authority that leaves.
  for (const name of names) await rm(join(root, `${name}.crt`), { force: true })
  await rename(join(root, 'ca-next.key'), join(root, 'ca.key'))
}

/** @throws ERR_UNAVAILABLE where no other authority is trusted beside the present one. */
export async function requireNextAuthority(root: string): Promise<void> {
  if ((await readAuthority(root))?.isLeaving) return
  throw new SimdgresError(
    'ERR_UNAVAILABLE',
    'No other authority is trusted yet',
    'Begin with: simdgres rotate ca.',
  )
}

function findOwn(blocks: readonly string[], keyPem: string): string | undefined {
  const key = readKey(keyPem)
  return blocks.find((pem) => new X509Certificate(pem).checkPrivateKey(key))
}

function readKey(keyPem: string): KeyObject {
  try {
    return createPrivateKey(keyPem)
  } catch (cause) {
    throw new SimdgresError(
      'ERR_CORRUPT_DATA',
      'The key of the certificate authority is empty or damaged',
      'Put ca.key (or ca-next.key) in the secrets folder back from your copy, or remove it: simdgres up makes another authority.',
      { cause },
    )
  }
}

function splitCertificates(text: string): string[] {
  return (text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map(
    (pem) => `${pem}\n`,
  )
}
