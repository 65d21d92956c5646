import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ensureSecrets, isAuthorityLeaving, replaceAuthority } from '#src/stack/secrets/secrets.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simdgres-authority-'))
  await ensureSecrets(folder, 'shop')
})
afterAll(() => rm(folder, { recursive: true }))

const read = (name: string): Promise<string> => readFile(join(folder, 'secrets', name), 'utf8')
const readServer = async () => new X509Certificate(await read('postgres.crt'))
const up = () => ensureSecrets(folder, 'shop')

test('an authority is replaced with an overlap, also where the second part is interrupted', async () => {
  const [old, oldServer] = [await read('ca.crt'), await readServer()]
  await expect(replaceAuthority(folder, 'shop', true)).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' })

  await replaceAuthority(folder, 'shop', false)
  const both = await read('ca.crt')
  await replaceAuthority(folder, 'shop', false)
  expect((await up()).made).toEqual([])
  expect(await read('ca.crt')).toBe(both)
  expect(await read('client/ca.crt')).toBe(both)
  expect(both.startsWith(old)).toBe(true)
  const next = new X509Certificate(both.slice(old.length))
  expect(await isAuthorityLeaving(folder)).toBe(true)
  expect((await readServer()).fingerprint).toBe(oldServer.fingerprint)

  // As a kill leaves it: the key is the next one's, and nothing else is done.
  for (const name of ['postgres', 'pgbouncer', 'redis']) await rm(join(folder, 'secrets', `${name}.crt`))
  await rename(join(folder, 'secrets/ca-next.key'), join(folder, 'secrets/ca.key'))
  expect((await up()).made).toEqual(['postgres.crt', 'pgbouncer.crt', 'redis.crt'])
  expect(await read('ca.crt')).toBe(both.slice(old.length))
  expect(await read('client/ca.crt')).toBe(both.slice(old.length))
  expect((await readServer()).checkIssued(next)).toBe(true)
  expect(await isAuthorityLeaving(folder)).toBe(false)
})

test('a key of the authority that is lost means another authority, and no certificate of the old one', async () => {
  const before = await readServer()
  await rm(join(folder, 'secrets/ca.key'))
  await up()
  const after = await readServer()
  expect(after.fingerprint).not.toBe(before.fingerprint)
  expect(after.checkIssued(new X509Certificate(await read('ca.crt')))).toBe(true)
})
