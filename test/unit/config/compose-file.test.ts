// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the variables of compose files are written like that
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { loadComposeFile, parseComposeFile } from '#src/config/compose-file.js'
import { composePath } from '#src/config/stack.js'

const required = { STACK_DIR: '/srv/simdgres' }
const text = readFileSync(composePath, 'utf8')

/** The line number of the first line that contains `part`. */
const lineOf = (source: string, part: string): number =>
  source.split('\n').findIndex((line) => line.includes(part)) + 1

describe('docker/compose.yaml', () => {
  const { postgres, pgbouncer } = loadComposeFile(composePath, required).services

  test('hardens the service', () => {
    expect(postgres).toMatchObject({
      user: '999:999',
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      restart: 'unless-stopped',
      stop_signal: 'SIGINT',
      pids_limit: 512,
    })
    expect(postgres?.memswap_limit).toBe(postgres?.mem_limit)
    expect(postgres?.ports).toEqual([])
    expect(pgbouncer?.ports).toEqual([{ hostIp: '127.0.0.1', hostPort: '5433', containerPort: 6432 }])
  })

  test('takes its settings from variables', () => {
    const variables = {
      ...required,
      STACK_PORT: '6000',
      POSTGRES_MEMORY: '2gb',
      POSTGRES_CPUS: '1.5',
      PG_MAJOR: '18',
      STACK_HEALTH_INTERVAL: '1m30s',
    }
    const { postgres: server, pgbouncer: pool } = loadComposeFile(composePath, variables).services
    expect(pool?.ports[0]?.hostPort).toBe('6000')
    expect(server).toMatchObject({ mem_limit: 2 * 1024 ** 3, cpus: 1.5, image: 'simdgres/postgres:18' })
    expect([server?.healthcheck?.interval, pool?.healthcheck?.interval]).toEqual([90_000, 90_000])
  })

  test('has no password of its own', () => {
    expect(() => loadComposeFile(composePath, {})).toThrow(/STACK_DIR, which is not set/)
    expect(text).not.toMatch(/POSTGRES_PASSWORD:/)
  })
})

describe('an error names file, line and key', () => {
  const parse = (source: string): unknown => parseComposeFile(source, 'c.yaml', required)

  test.each([
    ['    pids_limit: 512', '    pid_limit: 512', 'services.postgres.pid_limit'],
    ['      interval: ', '      intervall: ', 'services.postgres.healthcheck.intervall'],
    ['      target: postgres', '      targett: postgres', 'services.postgres.build.targett'],
    ['  cap_drop: [ALL]', '  capdrop: [ALL]', 'services.postgres.capdrop'],
    ['volumes:\n  postgres_data:', 'volumen:\n  postgres_data:', 'volumen'],
  ])('unknown key: %s', (before, after, key) => {
    const changed = text.replace(before, after)
    const line = lineOf(changed, key.split('.').at(-1)!)
    expect(() => parse(changed)).toThrow(`c.yaml:${line} has a key that is not supported: ${key}`)
  })

  test.each([
    ['read_only: true', 'read_only: perhaps', 'read_only'],
    ['mem_limit: ${POSTGRES_MEMORY:-4g}', 'mem_limit: 4 gigs', 'mem_limit'],
    ['interval: ${STACK_HEALTH_INTERVAL:-5s}', 'interval: often', 'interval'],
    ['pids_limit: 512', 'pids_limit: 1.5', 'pids_limit'],
    ['- "127.0.0.1:${STACK_PORT:-5433}:6432"', '- "localhost:x"', '"localhost:x"'],
    ['restart: unless-stopped', 'restart: sometimes', 'restart: sometimes'],
  ])('wrong value: %s -> %s', (before, after, marker) => {
    const changed = text.replace(before, after)
    expect(() => parse(changed)).toThrow(`c.yaml:${lineOf(changed, marker)}`)
  })

  test('broken YAML, undeclared volumes and secrets', () => {
    expect(() => parse('name: x\nservices: [')).toThrow(/^c\.yaml:2 is not valid YAML/)
    expect(() => parse(text.replace('\n  postgres_data:', '\n  other:'))).toThrow(
      /uses postgres_data, which is not/,
    )
    expect(() => parse(text.replace('      - postgres_password', '      - nobody'))).toThrow(
      /uses nobody, which is not/,
    )
  })
})

test('merge keys, anchors, extensions and list forms', () => {
  const source = `
name: x
x-base: &base { image: a, build: { context: ., dockerfile: D, target: t } }
services:
  one:
    <<: *base
    x-note: ignored
    image: b
    environment: [A=1, "B=two=2"]
    healthcheck: { test: pg_isready }
    tmpfs: /tmp
    ulimits: { nofile: { soft: 1, hard: 2 } }
`
  expect(parseComposeFile(source, 'c.yaml', {}).services['one']).toMatchObject({
    image: 'b',
    build: { target: 't' },
    environment: { A: '1', B: 'two=2' },
    healthcheck: { test: ['CMD-SHELL', 'pg_isready'] },
    tmpfs: ['/tmp'],
    ulimits: { nofile: { soft: 1, hard: 2 } },
  })
})
