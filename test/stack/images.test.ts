import type { ContainerCreateOptions } from 'dockerode'
import { beforeAll, describe, expect, test } from 'vitest'
import type { ComposeService } from '#src/config/compose-schema.js'
import { loadStack } from '#src/config/stack.js'
import { connectEngine } from '#src/engine/engine.js'
import { ensureBaseImage } from '#src/engine/images/base-image.js'
import { ensureServiceImage } from '#src/engine/images/image.js'
import { ownerLabels, removeContainer } from '#src/engine/owner.js'
import { silent } from '#src/progress.js'
import { describeWithEngine, readLog } from '../docker/sandbox.js'

const stack = loadStack({ overrides: { STACK_DIR: '/nonexistent', STACK_DATA_DIR: '' } })
const services = Object.entries(stack.services)
const engine = connectEngine()
const never = new AbortController().signal

const compilers = ['cc', 'gcc', 'g++', 'clang', 'make', 'cmake', 'ld', 'as']

/** Exit code and output of a container of the image that is started with nothing mounted. */
async function run(options: ContainerCreateOptions): Promise<{ exitCode: number; output: string }> {
  const container = await engine.createContainer({ ...options, Labels: ownerLabels() })
  try {
    await container.start()
    const { StatusCode } = (await container.wait()) as { StatusCode: number }
    return { exitCode: StatusCode, output: await readLog(container) }
  } finally {
    await removeContainer(engine, container.id)
  }
}

describe.each(services)('the service %s', (name, service) => {
  test('has the hardening of all services, and no capability on top', () => {
    expect(service).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      cap_add: [],
      security_opt: ['no-new-privileges:true'],
      restart: 'unless-stopped',
      logging: { driver: 'json-file', options: { 'max-size': '50m', 'max-file': '5' } },
    })
    expect(service.ulimits['core']).toEqual({ soft: 0, hard: 0 })
  })

  test('has limits, swaps nothing, and starts on two processors', () => {
    expect(service.mem_limit).toBeGreaterThan(0)
    expect(service.memswap_limit).toBe(service.mem_limit)
    expect(service.cpus).toBeGreaterThan(0)
    expect(service.cpus).toBeLessThanOrEqual(2)
    expect(service.pids_limit).toBeGreaterThan(0)
  })

  test('has a health check and a user of its own', () => {
    expect(service.healthcheck?.test.length).toBeGreaterThan(1)
    expect(service.user).toMatch(/^[1-9]\d*:[1-9]\d*$/)
  })

  test('publishes a port only where it is the pooled entrance, on the loopback', () => {
    const expected = name === 'pgbouncer' ? [{ hostIp: '127.0.0.1', containerPort: 6432 }] : []
    expect(service.ports).toMatchObject(expected)
    expect(service.ports).toHaveLength(expected.length)
    expect(Object.keys(service.networks)).toEqual(name === 'pgbouncer' ? ['backend', 'edge'] : ['backend'])
  })

  test('names secrets as files, in no variable', () => {
    for (const [variable, value] of Object.entries(service.environment)) {
      if (/PASS(WORD|FILE)?|SECRET/.test(variable)) expect(value, variable).toMatch(/^\/run\//)
    }
  })
})

test('services that share a file as a secret share its owner', () => {
  const owners = new Map<string, Set<string>>()
  for (const [, { secrets, user }] of services) {
    for (const { source } of secrets) {
      // Public, and readable by all.
      if (source.endsWith('.crt')) continue
      owners.set(source, (owners.get(source) ?? new Set()).add(user ?? ''))
    }
  }
  expect([...owners].filter(([, users]) => users.size > 1)).toEqual([])
  expect(owners.size).toBeGreaterThan(5)
})

test('the backend network has no way out', () => {
  expect(stack.networks['backend']?.internal).toBe(true)
})

await describeWithEngine('the images of the stack', () => {
  const images = new Map<string, string>()
  const imageOf = (name: string): string => images.get(name)!

  beforeAll(async () => {
    for (const [name, service] of services) {
      images.set(name, await ensureServiceImage(engine, service as ComposeService, silent, never))
    }
  }, 1_800_000)

  test.each(services)(
    '%s is made from the one base and runs as the user of the file',
    async (name, service) => {
      const base = await engine
        .getImage(await ensureBaseImage(engine, 'debian:trixie-slim', silent, never))
        .inspect()
      const { Config, RootFS } = await engine.getImage(imageOf(name)).inspect()
      expect(RootFS.Layers?.[0]).toBe(base.RootFS.Layers?.[0])
      expect(Config.User).toBe(service.user)
      expect(Config.Labels['org.opencontainers.image.title']).toMatch(/^simdgres-/)
    },
  )

  test.each(services)('%s has no file that changes its user, no compiler and no key pair', async (name) => {
    const script = [
      'find / -xdev -type f -perm /6000',
      "find / -xdev -name '*snakeoil*'",
      "find / -xdev -name '*.key' -path '*ssl*'",
      `for tool in ${compilers.join(' ')}; do command -v $tool; done`,
      'true',
    ].join('; ')
    const result = await run({ Image: imageOf(name), Entrypoint: ['sh', '-c', script], User: '0:0' })
    expect(result).toEqual({ exitCode: 0, output: '' })
  })

  test.each(services)('%s has no secret in its layers or variables', async (name) => {
    const image = engine.getImage(imageOf(name))
    const { Config } = await image.inspect()
    const history = JSON.stringify(await image.history())
    expect(`${history} ${JSON.stringify(Config.Env)}`).not.toMatch(
      /passw(or)?d\s*[=:]|secret\s*[=:]|BEGIN [A-Z ]*PRIVATE/i,
    )
  })

  test.each([
    ['pgbouncer', '/run/secrets/pooler_password'],
    ['redis', '/run/secrets/redis_password'],
  ])('%s does not start without its secrets, and names the first one', async (name, file) => {
    const { exitCode, output } = await run({ Image: imageOf(name) })
    expect(exitCode).toBe(1)
    expect(output).toContain(`cannot read ${file}`)
  })

  test('postgres of the stack does not start without its certificates', async () => {
    const { exitCode, output } = await run({ Image: imageOf('postgres'), Env: ['SIMDGRES_STACK=on'] })
    expect(exitCode).toBe(1)
    expect(output).toContain('cannot read /run/secrets/tls.crt')
  })
})
