import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { Container } from 'dockerode'
import { pack } from 'tar-stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseDurationMs } from '#src/config/duration.js'
import { ensureBaseImage, findImageId } from '#src/engine/images/base-image.js'
import { removeContainer } from '#src/engine/owner.js'
import { silent } from '#src/progress.js'
import { packageRoot } from '#src/system/cache-folder.js'
import { describeWithEngine, exec, Sandbox } from './sandbox.js'

const override = 'examples/enhanced-learning/compose.override.example.yaml'
const composeCommand = '/usr/libexec/docker/cli-plugins/docker-compose'

interface ComposeConfig {
  readonly name: string
  readonly services: Readonly<Record<'postgres' | 'pgbouncer', Readonly<Record<string, unknown>>>>
}

/** Compose itself, from the distribution's package, in a container: the host needs no more than the engine. */
await describeWithEngine('docker compose', () => {
  const sandbox = new Sandbox()
  let container: Container

  beforeAll(async () => {
    container = await sandbox.engine.createContainer({
      Image: await ensureComposeImage(sandbox),
      Cmd: ['sleep', 'infinity'],
      Labels: sandbox.labels,
    })
    const archive = pack()
    for (const path of ['docker/compose.yaml', override, 'docker/.env.example']) {
      archive.entry({ name: `stack/${path}` }, readFileSync(join(packageRoot, path)))
    }
    archive.finalize()
    await container.putArchive(Readable.from(archive), { path: '/' })
    await container.start()
  })
  afterAll(async () => {
    await removeContainer(sandbox.engine, container.id)
  })

  const compose = (...args: readonly string[]) =>
    exec(container, 'env', '-C', '/stack/docker', composeCommand, ...args)

  async function config(...files: readonly string[]): Promise<ComposeConfig> {
    const fileArgs = files.flatMap((file) => ['-f', file])
    const { exitCode, output } = await compose(
      '--env-file',
      '.env.example',
      ...fileArgs,
      'config',
      '--format',
      'json',
    )
    expect(exitCode, output).toBe(0)
    return JSON.parse(output) as ComposeConfig
  }

  test('understands the service as we do', async () => {
    const { postgres: theirs } = (await config('compose.yaml')).services
    const ours = { ...sandbox.service, environment: { ...sandbox.service.environment, SIMDGRES_STACK: 'on' } }
    for (const key of [
      'cap_drop',
      'security_opt',
      'read_only',
      'restart',
      'logging',
      'tmpfs',
      'user',
      'stop_signal',
      'pids_limit',
      'image',
      'environment',
    ] as const) {
      expect(theirs[key], key).toEqual(ours[key])
    }
    expect(Number(theirs['mem_limit'])).toBe(ours.mem_limit)
    expect(Number(theirs['memswap_limit'])).toBe(ours.memswap_limit)
    expect(Number(theirs['shm_size'])).toBe(ours.shm_size)
    expect(Number(theirs['cpus'])).toBe(ours.cpus)
    expect(parseDurationMs(String(theirs['stop_grace_period']), 'theirs')).toBe(ours.stop_grace_period)
    expect(theirs['healthcheck']).toMatchObject({
      test: ours.healthcheck?.test,
      retries: ours.healthcheck?.retries,
    })
    expect(theirs['secrets']).toEqual(
      ours.secrets.map(({ source, target }) => ({ source, target: expect.stringContaining(target) })),
    )
  })

  test('publishes the pooled entrance alone', async () => {
    const { postgres, pgbouncer } = (await config('compose.yaml')).services
    expect(postgres['ports']).toBeUndefined()
    expect(Object.keys(postgres['networks'] as object)).toEqual(['backend'])
    expect(pgbouncer['ports']).toMatchObject([{ host_ip: '127.0.0.1', target: 6432, published: '5433' }])
  })

  test('makes PgBouncer wait until PostgreSQL is healthy', async () => {
    const { pgbouncer } = (await config('compose.yaml')).services
    expect(pgbouncer['depends_on']).toMatchObject({ postgres: { condition: 'service_healthy' } })
  })

  test("refuses the file without the stack's folder", async () => {
    const { exitCode, output } = await compose('-f', 'compose.yaml', 'config', '--quiet')
    expect(exitCode).not.toBe(0)
    expect(output).toContain('STACK_DIR')
  })

  test("merges the override: ports and a project of its own, the stack's hardening", async () => {
    const merged = await config('compose.yaml', `../${override}`)
    expect(merged.name).toBe('simdgres-dev')
    const { postgres, pgbouncer } = merged.services
    expect(postgres['ports']).toMatchObject([{ host_ip: '127.0.0.1', published: '5434' }])
    expect(pgbouncer['ports']).toMatchObject([{ host_ip: '127.0.0.1', published: '6434' }])
    expect(postgres).toMatchObject({ read_only: true, cap_drop: ['ALL'] })
    expect(postgres['command']).toEqual(expect.arrayContaining(['-c', 'log_statement=all']))
  })

  test.each(['', 'cache', 'monitoring', 'backup'])('accepts the profile "%s"', async (profile) => {
    const { exitCode, output } = await compose(
      '--env-file',
      '.env.example',
      '-f',
      'compose.yaml',
      '--profile',
      profile,
      'config',
      '--quiet',
    )
    expect(exitCode, output).toBe(0)
    expect(output).not.toContain('level=warning')
  })
})

/** Kept under the id of what it is made of, so that packages are fetched once for each base image. */
async function ensureComposeImage(sandbox: Sandbox): Promise<string> {
  const { engine, labels } = sandbox
  const base = await ensureBaseImage(engine, 'debian:trixie-slim', silent, new AbortController().signal)
  const [repo, tag] = ['simdgres-test/compose', base.replace('sha256:', '').slice(0, 12)]
  const present = await findImageId(engine, `${repo}:${tag}`)
  if (present !== undefined) return present
  const container = await engine.createContainer({ Image: base, Cmd: ['sleep', 'infinity'], Labels: labels })
  try {
    await container.start()
    const install = 'apt-get update -qq && apt-get install -y -qq --no-install-recommends docker-compose'
    const { exitCode, output } = await exec(container, 'sh', '-c', install)
    expect(exitCode, output).toBe(0)
    const { Id } = (await container.commit({ repo, tag })) as { Id: string }
    return Id
  } finally {
    await removeContainer(engine, container.id)
  }
}
