// The certificate library uses decorators, which need this module to be loaded first.
import 'reflect-metadata'
import { createPrivateKey, KeyObject, randomBytes, webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

/**
 * TLS inside the stack: an authority of its own, made once, and a key pair with a certificate for each service. Every TLS
 * library that takes part supports P-256 with SHA-256, and such a key is made in a millisecond.
 */
const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' }
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' }

const dayMs = 24 * 3600 * 1000
const authorityDays = 3650
/** The longest validity of a server's certificate that browsers and similar clients accept. */
const serverDays = 397
/** The clocks of hosts and containers may differ. */
const backdateMs = 3600 * 1000

export interface KeyPair {
  readonly certificatePem: string
  readonly keyPem: string
}

export interface ServerNames {
  readonly commonName: string
  readonly dns: readonly string[]
  readonly addresses: readonly string[]
}

/** @param project names it, so that the authorities of several stacks can be told apart. */
export async function createAuthority(project: string): Promise<KeyPair> {
  const keys = await generateKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [`simdgres ${project} authority`] }],
    serialNumber: createSerial(),
    ...validFor(authorityDays),
    keys,
    signingAlgorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificatePem: toPem(certificate), keyPem: exportKey(keys) }
}

/** A certificate for a server that clients reach by any of `names`. */
export async function createServerCertificate(names: ServerNames, authority: KeyPair): Promise<KeyPair> {
  const issuer = new x509.X509Certificate(authority.certificatePem)
  const keys = await generateKeys()
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [names.commonName] }],
    issuer: issuer.subject,
    serialNumber: createSerial(),
    ...validFor(serverDays),
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.keyPem),
    signingAlgorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        ...names.dns.map((value) => ({ type: 'dns' as const, value })),
        ...names.addresses.map((value) => ({ type: 'ip' as const, value })),
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificatePem: toPem(certificate), keyPem: exportKey(keys) }
}

async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify'])
}

async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const pkcs8 = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' })
  return webcrypto.subtle.importKey('pkcs8', pkcs8, keyAlgorithm, false, ['sign'])
}

function exportKey({ privateKey }: webcrypto.CryptoKeyPair): string {
  return KeyObject.from(privateKey).export({ type: 'pkcs8', format: 'pem' }).toString()
}

function toPem(certificate: x509.X509Certificate): string {
  return `${certificate.toString('pem')}\n`
}

function validFor(days: number): { notBefore: Date; notAfter: Date } {
  const nowMs = Date.now()
  return { notBefore: new Date(nowMs - backdateMs), notAfter: new Date(nowMs + days * dayMs) }
}

/** The first bit is the sign, and a serial number must be positive. */
function createSerial(): string {
  const bytes = randomBytes(16)
  bytes[0] = (bytes[0]! & 0x3f) | 0x40
  return bytes.toString('hex')
}
