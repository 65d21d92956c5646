import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { SimdgresError } from '#src/errors.js'
import { parsePostgresUrl } from '#src/targets/url/url-parsing.js'

const parse = (url: string) => parsePostgresUrl(url, {})

test('reads every part of a URL', () => {
  expect(parse('postgres://ann:s%40fe%2F1@db.example:6000/items?sslmode=disable')).toEqual({
    sslMode: 'disable',
    connection: {
      host: 'db.example',
      port: 6000,
      user: 'ann',
      password: 's@fe/1',
      database: 'items',
      ssl: false,
    },
  })
})

test('fills in what libpq fills in', () => {
  expect(parse('postgresql://ann@db.example')).toEqual({
    sslMode: 'prefer',
    connection: {
      host: 'db.example',
      port: 5432,
      user: 'ann',
      password: '',
      database: 'ann',
      ssl: { rejectUnauthorized: false },
    },
  })
})

test('takes a missing password from PGPASSWORD, and the one in the URL first', () => {
  const env = { PGPASSWORD: 'from the environment' }
  expect(parsePostgresUrl('postgres://ann@h/d', env).connection.password).toBe('from the environment')
  expect(parsePostgresUrl('postgres://ann:x@h/d', env).connection.password).toBe('x')
})

test('takes the brackets off an IPv6 address', () => {
  expect(parse('postgres://ann@[::1]:5433/d').connection).toMatchObject({ host: '::1', port: 5433 })
})

test('verify-full checks the name, verify-ca only the chain, both with the given authority', () => {
  const folder = mkdtempSync(join(tmpdir(), 'simdgres-url-'))
  const file = join(folder, 'ca.pem')
  writeFileSync(file, 'certificate')
  const full = parse(`postgres://ann@h/d?sslmode=verify-full&sslrootcert=${encodeURIComponent(file)}`)
  expect(full.connection.ssl).toEqual({ rejectUnauthorized: true, ca: 'certificate' })
  const chain = parse('postgres://ann@h/d?sslmode=verify-ca').connection.ssl
  expect(chain).toMatchObject({ rejectUnauthorized: true, checkServerIdentity: expect.any(Function) })
  rmSync(folder, { recursive: true })
})

test.each([
  ['not a URL', 'db.example:5432'],
  ['another protocol', 'mysql://ann:topsecret@h/d'],
  ['no host', 'postgres:///d'],
  ['no user', 'postgres://h/d'],
  ['an impossible port', 'postgres://ann:topsecret@h:99999/d'],
  ['an unknown sslmode', 'postgres://ann:topsecret@h/d?sslmode=maybe'],
  ['an unknown parameter', 'postgres://ann:topsecret@h/d?sslmod=require'],
  ['a bare percent sign', 'postgres://ann:topsecret%@h/d'],
  [
    'a certificate that is not there',
    'postgres://ann:topsecret@h/d?sslmode=verify-ca&sslrootcert=/nonexistent',
  ],
])('refuses %s without repeating the password', (_name, url) => {
  const error = catchError(() => parse(url))
  expect(error.code).toBe('ERR_INVALID_ARGUMENT')
  expect(`${error.message} ${error.hint} ${error.stack} ${String(error.cause)}`).not.toContain('topsecret')
})

function catchError(run: () => unknown): SimdgresError {
  try {
    run()
  } catch (error) {
    if (error instanceof SimdgresError) return error
    throw error
  }
  throw new Error('Nothing was thrown')
}
