import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { connectEngine } from '#src/engine/engine.js'
import { ensureBaseImage } from '#src/engine/images/base-image.js'
import { ensureServiceImage } from '#src/engine/images/image.js'
import { silent } from '#src/progress.js'
import { describeWithEngine, Sandbox } from './sandbox.js'

const folder = mkdtempSync(join(tmpdir(), 'simdgres-requests-'))
const socketPath = join(folder, 'engine.sock')
const realSocket = process.env['DOCKER_HOST']?.replace(/^unix:\/\//, '') ?? '/var/run/docker.sock'
const open = new Set<Socket>()
let sent = ''
/** A relay in front of the engine that keeps what is said to it. */
const relay = createServer((client) => {
  const upstream = createConnection(realSocket)
  open.add(client).add(upstream)
  for (const socket of [client, upstream]) socket.on('error', () => socket.destroy())
  client.on('data', (chunk: Buffer) => {
    sent += chunk.toString('latin1')
  })
  client.pipe(upstream).pipe(client)
})

const writeConfig = (config: unknown) => writeFileSync(join(folder, 'config.json'), JSON.stringify(config))

/** The head of the first request of this kind. */
function requestTo(pattern: RegExp): string {
  const at = sent.search(pattern)
  return at < 0 ? '' : sent.slice(at, sent.indexOf('\r\n\r\n', at))
}

await describeWithEngine('what is asked of the engine', () => {
  beforeAll(async () => {
    await new Sandbox().ensureImage()
    relay.listen(socketPath)
    await once(relay, 'listening')
  })
  afterAll(async () => {
    for (const socket of open) socket.destroy()
    relay.close()
    rmSync(folder, { recursive: true })
  })
  afterEach(() => {
    vi.unstubAllEnvs()
    sent = ''
  })

  test('a pull carries the login to its registry, and no other', async () => {
    vi.stubEnv('DOCKER_HOST', `unix://${socketPath}`)
    vi.stubEnv('DOCKER_CONFIG', folder)
    writeConfig({
      auths: {
        'registry.invalid': { auth: Buffer.from('ann:secret').toString('base64') },
        'other.invalid': { auth: Buffer.from('bob:other').toString('base64') },
      },
    })
    const pull = ensureBaseImage(
      connectEngine(),
      'registry.invalid/debian:1',
      silent,
      new AbortController().signal,
    )
    await expect(pull).rejects.toMatchObject({
      code: 'ERR_UNAVAILABLE',
      hint: expect.stringContaining('docker login'),
    })
    const request = requestTo(/POST \S*\/images\/create/)
    const [, header = ''] = /X-Registry-Auth: (\S+)/i.exec(request) ?? []
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({
      username: 'ann',
      password: 'secret',
      serveraddress: 'registry.invalid',
    })

    sent = ''
    writeConfig({ credHelpers: { 'registry.invalid': 'ecr-login' } })
    await expect(
      ensureBaseImage(connectEngine(), 'registry.invalid/debian:2', silent, new AbortController().signal),
    ).rejects.toMatchObject({ hint: expect.stringContaining('docker pull registry.invalid/debian:2') })
    expect(requestTo(/POST \S*\/images\/create/)).not.toMatch(/X-Registry-Auth/i)
  })

  test('a build carries the proxies', async () => {
    vi.stubEnv('DOCKER_HOST', `unix://${socketPath}`)
    vi.stubEnv('DOCKER_CONFIG', folder)
    vi.stubEnv('HTTPS_PROXY', 'http://10.0.0.1:3129')
    writeConfig({ proxies: { default: { httpProxy: 'http://10.0.0.1:3128', noProxy: '.invalid' } } })
    const controller = new AbortController()
    const service = { ...new Sandbox().service, image: 'simdgres-test:proxies' }
    const build = ensureServiceImage(connectEngine(), service, silent, controller.signal)
    const outcome = expect(build).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    await vi.waitUntil(() => requestTo(/POST \S*\/build\?/) !== '', { timeout: 60_000 })
    controller.abort()
    await outcome
    const [, path = ''] = /POST (\S+)/.exec(requestTo(/POST \S*\/build\?/)) ?? []
    const args = new URL(path, 'http://engine').searchParams.get('buildargs') ?? '{}'
    expect(JSON.parse(args)).toMatchObject({
      HTTP_PROXY: 'http://10.0.0.1:3128',
      http_proxy: 'http://10.0.0.1:3128',
      HTTPS_PROXY: 'http://10.0.0.1:3129',
      NO_PROXY: '.invalid',
      PG_MAJOR: '17',
    })
  })
})
