import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { findBuildProxies } from '#src/engine/images/build-proxies.js'
import { findRegistryLogin } from '#src/engine/images/registry-login.js'
import { silent } from '#src/progress.js'

const folder = mkdtempSync(join(tmpdir(), 'simdgres-docker-config-'))
const writeConfig = (config: unknown) => writeFileSync(join(folder, 'config.json'), JSON.stringify(config))

beforeEach(() => {
  vi.stubEnv('DOCKER_CONFIG', folder)
  vi.stubEnv('DOCKER_HOST', undefined)
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY']) {
    vi.stubEnv(name, undefined)
    vi.stubEnv(name.toLowerCase(), undefined)
  }
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(join(folder, 'config.json'), { force: true })
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('the login to a registry', () => {
  const auth = Buffer.from('ann:p:w').toString('base64')

  test.each([
    ['registry.invalid/debian:1', 'registry.invalid'],
    ['registry.invalid:5000/a/b@sha256:00', 'registry.invalid:5000'],
    ['localhost/debian', 'localhost'],
    ['debian:trixie-slim', 'https://index.docker.io/v1/'],
    ['ann/debian', 'https://index.docker.io/v1/'],
  ])('of %s is the one kept for %s', (image, key) => {
    writeConfig({ auths: { [key]: { auth }, 'other.invalid': { auth: 'eDp5' } } })
    expect(findRegistryLogin(image)).toEqual({
      login: { username: 'ann', password: 'p:w', serveraddress: key },
    })
  })

  test('may be kept under an address, or as a token', () => {
    writeConfig({ auths: { 'https://registry.invalid/v2/': { auth: '', identitytoken: 'token' } } })
    expect(findRegistryLogin('registry.invalid/debian')).toEqual({
      login: { identitytoken: 'token', serveraddress: 'registry.invalid' },
    })
  })

  test('may be kept by a program, which is named', () => {
    // With a program in charge, docker writes the registry with nothing in it.
    writeConfig({ auths: { 'a.invalid': {} }, credsStore: 'pass', credHelpers: { 'b.invalid': 'ecr-login' } })
    expect(findRegistryLogin('a.invalid/debian')).toEqual({ helper: 'docker-credential-pass' })
    expect(findRegistryLogin('b.invalid/debian')).toEqual({ helper: 'docker-credential-ecr-login' })
  })

  test('is not there where nobody logged in', () => {
    expect(findRegistryLogin('registry.invalid/debian')).toEqual({})
    writeConfig({ auths: { 'other.invalid': { auth } } })
    expect(findRegistryLogin('registry.invalid/debian')).toEqual({})
  })
})

describe('proxies of a build', () => {
  test('are those of config.json, then those of the shell, in both spellings', () => {
    writeConfig({ proxies: { default: { httpProxy: 'http://config:1' }, 'tcp://h:2': { noProxy: 'h' } } })
    vi.stubEnv('HTTP_PROXY', 'http://shell:1')
    vi.stubEnv('https_proxy', 'http://shell:2')
    expect(findBuildProxies(silent)).toEqual({
      HTTP_PROXY: 'http://config:1',
      http_proxy: 'http://config:1',
      HTTPS_PROXY: 'http://shell:2',
      https_proxy: 'http://shell:2',
    })
    vi.stubEnv('DOCKER_HOST', 'tcp://h:2')
    expect(findBuildProxies(silent)).toMatchObject({ NO_PROXY: 'h', HTTP_PROXY: 'http://shell:1' })
  })

  test('are left out, and named, where they are on the loopback of this machine', () => {
    const notes: string[] = []
    const progress = { ...silent, note: (text: string) => notes.push(text) }
    vi.stubEnv('HTTP_PROXY', 'http://ann:topsecret@127.0.0.1:3128')
    vi.stubEnv('HTTPS_PROXY', 'localhost:3128')
    vi.stubEnv('NO_PROXY', 'localhost,127.0.0.1')
    expect(findBuildProxies(progress)).toEqual({
      NO_PROXY: 'localhost,127.0.0.1',
      no_proxy: 'localhost,127.0.0.1',
    })
    expect(notes.join()).toMatch(/HTTP_PROXY.*HTTPS_PROXY/)
    expect(notes.join()).not.toContain('topsecret')
  })

  test('are none on a machine without any', () => {
    expect(findBuildProxies(silent)).toEqual({})
  })
})
