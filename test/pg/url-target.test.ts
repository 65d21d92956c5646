import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { silent } from '#src/progress.js'
import { createAuthority, createServerCertificate } from '#src/system/certificates.js'
import { clientOptions } from '#src/targets/connection.js'
import { LocalTarget } from '#src/targets/local/local-target.js'
import type { ConnectionInfo } from '#src/targets/target.js'
import { UrlTarget } from '#src/targets/url/url-target.js'

const { signal } = new AbortController()
const folder = mkdtempSync(join(tmpdir(), 'simdgres-url-target-'))
const server = new LocalTarget({ progress: silent, signal })
const own = join(folder, 'own.pem')
const foreign = join(folder, 'foreign.pem')
let connection: ConnectionInfo

beforeAll(async () => {
  const authority = await createAuthority('own')
  const names = { commonName: 'db.invalid', dns: ['db.invalid'], addresses: [] }
  const { certificatePem, keyPem } = await createServerCertificate(names, authority)
  writeFileSync(own, authority.certificatePem)
  writeFileSync(foreign, (await createAuthority('foreign')).certificatePem)
  const files = { crt: join(folder, 'server.crt'), key: join(folder, 'server.key') }
  writeFileSync(files.crt, certificatePem)
  writeFileSync(files.key, keyPem, { mode: 0o600 })
  // The server, which never runs as root, reads them.
  if (process.getuid?.() === 0) spawnSync('chown', ['-R', 'postgres', folder])
  connection = await server.deploy({
    parameters: { ssl: 'on', ssl_cert_file: files.crt, ssl_key_file: files.key },
  })
})

afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true })
})

const connectTo = (hosts: string, parameters: string, login?: string): Promise<ConnectionInfo> =>
  new UrlTarget({
    progress: silent,
    signal,
    url: `postgres://${login ?? `${connection.user}:${connection.password}`}@${hosts}/${connection.database}?${parameters}`,
  }).deploy({})

async function ask(to: ConnectionInfo, question: string): Promise<unknown> {
  const client = new pg.Client(clientOptions(to))
  await client.connect()
  const { rows } = await client.query<{ answer: unknown }>(question)
  await client.end()
  return rows[0]?.answer
}

const here = () => `127.0.0.1:${connection.port}`
const certificate = (file: string): string => `sslrootcert=${encodeURIComponent(file)}`

describe('encryption', () => {
  test.each([
    ['sslmode=disable', false],
    ['sslmode=prefer', true],
    ['sslmode=require', true],
    [`sslmode=require&${certificate(own)}`, true],
    [`sslmode=verify-ca&${certificate(own)}`, true],
    [`sslmode=require&channel_binding=require&${certificate(own)}`, true],
  ])('%s connects, encrypted: %s', async (parameters, isEncrypted) => {
    const question = 'SELECT ssl AS answer FROM pg_stat_ssl WHERE pid = pg_backend_pid()'
    expect(await ask(await connectTo(here(), parameters), question)).toBe(isEncrypted)
  })

  test.each([
    `sslmode=require&${certificate(foreign)}`,
    `sslmode=verify-ca&${certificate(foreign)}`,
    `sslmode=verify-full&${certificate(own)}`,
  ])('%s refuses this server, and says what to name', async (parameters) => {
    await expect(connectTo(here(), parameters)).rejects.toMatchObject({
      code: 'ERR_UNAVAILABLE',
      hint: expect.stringContaining('sslrootcert'),
    })
  })
})

test('the options of the URL are those of the session', async () => {
  const to = await connectTo(here(), 'options=-c%20work_mem%3D9MB&application_name=mine&pgbouncer=true')
  expect(await ask(to, `SELECT current_setting('work_mem') AS answer`)).toBe('9MB')
  expect(await ask(to, `SELECT current_setting('application_name') AS answer`)).toBe('mine')
})

test('hosts are tried in turn until one answers', async () => {
  const silentPort = createServer().listen(0, '127.0.0.1')
  await once(silentPort, 'listening')
  const address = silentPort.address()
  const port = typeof address === 'object' && address ? address.port : 0
  silentPort.close()
  await once(silentPort, 'close')
  expect(await connectTo(`127.0.0.1:${port},${here()}`, 'target_session_attrs=read-write')).toMatchObject({
    port: connection.port,
  })
  const readOnly = 'target_session_attrs=read-write&options=-c%20default_transaction_read_only%3Don'
  await expect(connectTo(`127.0.0.1:${port},${here()}`, readOnly)).rejects.toMatchObject({
    code: 'ERR_UNAVAILABLE',
    message: expect.stringMatching(/ECONNREFUSED.*its sessions are read-only/s),
  })
})

test('a Unix socket is reached by its folder', async () => {
  const relay = createServer((client) => {
    const upstream = createConnection(connection.port, '127.0.0.1')
    for (const socket of [client, upstream]) socket.on('error', () => socket.destroy())
    client.pipe(upstream).pipe(client)
  })
  relay.listen(join(folder, '.s.PGSQL.5499'))
  await once(relay, 'listening')
  try {
    const target = new UrlTarget({
      progress: silent,
      signal,
      url: `postgres://${connection.user}:${connection.password}@/${connection.database}?host=${encodeURIComponent(folder)}&port=5499&sslmode=require`,
    })
    expect(await ask(await target.deploy({}), 'SELECT 1 AS answer')).toBe(1)
  } finally {
    relay.close()
  }
})

test('is never restarted with other settings', async () => {
  const target = new UrlTarget({ progress: silent, signal, url: `postgres://ann@${here()}/d` })
  await expect(target.reconfigure()).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
})
