import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
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

test('require looks at the certificate where an authority is named, as libpq does', () => {
  const folder = mkdtempSync(join(tmpdir(), 'simdgres-url-'))
  const file = join(folder, 'ca.pem')
  writeFileSync(file, 'certificate')
  const named = `sslrootcert=${encodeURIComponent(file)}`
  expect(parse(`postgres://ann@h/d?sslmode=require&${named}`).connection.ssl).toEqual({
    rejectUnauthorized: true,
    checkServerIdentity: expect.any(Function),
    ca: 'certificate',
  })
  expect(parse('postgres://ann@h/d?sslmode=require').connection.ssl).toEqual({ rejectUnauthorized: false })
  expect(parse(`postgres://ann@h/d?sslmode=prefer&${named}`).connection.ssl).toEqual({
    rejectUnauthorized: false,
  })
  expect(parse('postgres://ann@h/d?sslrootcert=system')).toMatchObject({
    sslMode: 'verify-full',
    connection: { ssl: { rejectUnauthorized: true } },
  })
  rmSync(folder, { recursive: true })
})

test.each([
  ['sslmode=require&channel_binding=require', { enableChannelBinding: true }],
  ['channel_binding=disable', { enableChannelBinding: false }],
  ['application_name=my%20app', { applicationName: 'my app' }],
  ['connect_timeout=10', { connectTimeoutMs: 10_000 }],
  ['options=project%3Dep-cool+1', { options: 'project=ep-cool+1' }],
  ['options=-c%20work_mem%3D64MB', { options: '-c work_mem=64MB' }],
  ['target_session_attrs=read-write', {}],
  ['pgbouncer=true&connection_limit=1&pool_timeout=0', {}],
  ['keepalives=1&gssencmode=disable&supa=base-pooler.x', {}],
  ['user=eve&password=x%20y&dbname=e&port=6543', { user: 'eve', password: 'x y', database: 'e', port: 6543 }],
])('accepts what providers put into a URL: %s', (parameters, expected) => {
  expect(parse(`postgres://ann:x@h/d?${parameters}`).connection).toMatchObject({ host: 'h', ...expected })
})

test('reads several hosts, and which of them will do', () => {
  const { connection, otherHosts, wanted } = parse(
    'postgres://ann@h1:5433,h2,[::1]:5434/d?target_session_attrs=read-write',
  )
  expect(connection).toMatchObject({ host: 'h1', port: 5433 })
  expect(otherHosts).toEqual([
    { host: 'h2', port: 5432 },
    { host: '::1', port: 5434 },
  ])
  expect(wanted).toBe('read-write')
})

test.each([
  'postgres:///items?host=/var/run/postgresql',
  'postgresql:///items?host=%2Fvar%2Frun%2Fpostgresql&port=5432',
  'postgres://%2Fvar%2Frun%2Fpostgresql/items?sslmode=require',
])('reads the folder of a Unix socket, where the system knows the user: %s', (url) => {
  expect(parse(url).connection).toEqual({
    host: '/var/run/postgresql',
    port: 5432,
    user: userInfo().username,
    password: '',
    database: 'items',
    ssl: false,
  })
})

test.each([
  ['sslcert=/a.pem', /^Remove sslcert from the URL\.$/],
  ['schema=public', /^Remove schema from the URL\.$/],
  ['target_session_attrs=standby', /^Remove target_session_attrs from the URL: /],
  ['ssl=true', /sslmode=require in place of ssl/],
  ['sslmode=no-verify', /sslmode=require/],
  ['sslmode=require&sslrootcert=system', /sslmode=verify-full/],
  ['connect_timeout=soon', /whole number of seconds/],
  ['sslmode=disable&channel_binding=require', /disable or prefer/],
])('says what to do about %s', (parameters, hint) => {
  const error = catchError(() => parse(`postgres://ann:topsecret@h/d?${parameters}`))
  expect(error.code).toBe('ERR_INVALID_ARGUMENT')
  expect(error.hint).toMatch(hint)
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
