import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest'
import { connectEngine, findEngineProblem, requireEngine } from '#src/engine/engine.js'
import { silent } from '#src/progress.js'
import { createTarget } from '#src/targets/choose.js'

const folder = mkdtempSync(join(tmpdir(), 'simdgres-endpoint-'))
const servers: Server[] = []

afterAll(() => rmSync(folder, { recursive: true }))

beforeEach(() => {
  for (const name of ['DOCKER_HOST', 'DOCKER_CONTEXT', 'DOCKER_TLS_VERIFY', 'DOCKER_CERT_PATH']) {
    vi.stubEnv(name, undefined)
  }
  vi.stubEnv('DOCKER_CONFIG', folder)
})

afterEach(() => {
  vi.unstubAllEnvs()
  for (const server of servers.splice(0)) server.close()
})

/** An engine that answers the question whether it is there. */
async function listen(socket: string): Promise<string> {
  const path = join(folder, socket)
  const server = createServer((_request, response) => response.end('OK'))
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(path, resolve))
  return path
}

/** As `docker context create` writes it. */
function createContext(name: string, endpoint: Record<string, unknown>): void {
  const id = createHash('sha256').update(name).digest('hex')
  const meta = join(folder, 'contexts', 'meta', id)
  mkdirSync(meta, { recursive: true })
  writeFileSync(join(meta, 'meta.json'), JSON.stringify({ Name: name, Endpoints: { docker: endpoint } }))
}

const writeConfig = (config: unknown) => writeFileSync(join(folder, 'config.json'), JSON.stringify(config))

test('the current context is used, DOCKER_CONTEXT before it, and DOCKER_HOST before both', async () => {
  createContext('current', { Host: `unix://${await listen('current.sock')}` })
  createContext('gone', { Host: 'unix:///nonexistent/gone.sock' })
  writeConfig({ currentContext: 'current' })
  expect(await findEngineProblem()).toBeUndefined()

  vi.stubEnv('DOCKER_CONTEXT', 'gone')
  expect(await findEngineProblem()).toMatch(/^the docker context gone, unix:\/\/\/nonexistent\/gone\.sock: /)
  await expect(requireEngine()).rejects.toMatchObject({
    code: 'ERR_UNAVAILABLE',
    hint: expect.stringContaining('docker context use'),
  })

  vi.stubEnv('DOCKER_HOST', `unix://${await listen('host.sock')}`)
  expect(await findEngineProblem()).toBeUndefined()
})

test('a context of another machine is reached over TCP, with its own certificates', () => {
  createContext('remote', { Host: 'tcp://db.invalid:2376' })
  const id = createHash('sha256').update('remote').digest('hex')
  const tls = join(folder, 'contexts', 'tls', id, 'docker')
  mkdirSync(tls, { recursive: true })
  for (const part of ['ca', 'cert', 'key']) writeFileSync(join(tls, `${part}.pem`), `the ${part}`)
  vi.stubEnv('DOCKER_CONTEXT', 'remote')
  expect(connectEngine().modem).toMatchObject({
    protocol: 'https',
    host: 'db.invalid',
    port: '2376',
    ca: 'the ca',
    cert: 'the cert',
    key: 'the key',
  })
})

test('a context that is not there is named', async () => {
  vi.stubEnv('DOCKER_CONTEXT', 'nobody')
  expect(await findEngineProblem()).toBe('The docker context nobody is not there')
})

test('a configuration that is no JSON is named', async () => {
  writeFileSync(join(folder, 'config.json'), '{')
  expect(await findEngineProblem()).toContain(join(folder, 'config.json'))
  rmSync(join(folder, 'config.json'))
})

const stale: Record<string, string>[] = [
  { DOCKER_HOST: 'tcp://127.0.0.1:2376', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/nonexistent' },
  { DOCKER_HOST: 'tcp://:2375' },
  { DOCKER_HOST: 'tcp://127.0.0.1:1' },
  { DOCKER_CONTEXT: 'nobody' },
]

test.each(stale)('%o is a missing engine, not a defect', async (variables) => {
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value)
  const deploying = createTarget('docker', { progress: silent, signal: new AbortController().signal }).then(
    (target) => target.deploy({}),
  )
  await expect(deploying).rejects.toMatchObject({
    code: 'ERR_UNAVAILABLE',
    hint: expect.stringContaining('--target local'),
  })
  expect(await findEngineProblem()).not.toBeUndefined()
})

test.skipIf(process.getuid?.() !== 0)('a socket that this user may not open is told', async () => {
  const path = await listen('closed.sock')
  chmodSync(path, 0o600)
  chmodSync(folder, 0o755)
  vi.stubEnv('DOCKER_HOST', `unix://${path}`)
  process.seteuid?.(65534)
  try {
    expect(await findEngineProblem()).toContain('this user may not open it (EACCES)')
    await expect(requireEngine()).rejects.toMatchObject({
      hint: expect.stringContaining('usermod -aG docker'),
    })
  } finally {
    process.seteuid?.(0)
  }
})
