import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import type { Progress } from '#src/progress.js'
import { createTarget, type TargetChoice } from '#src/targets/choose.js'

const signal = new AbortController().signal
const notes: string[] = []
const progress: Progress = { note: (message) => notes.push(message), step: () => undefined }

afterEach(() => {
  vi.unstubAllEnvs()
  notes.length = 0
})

test.each(['docker', 'local'] as const)('%s gives the target of that name', async (id) => {
  expect((await createTarget(id, { progress, signal })).id).toBe(id)
})

test('url takes the URL', async () => {
  expect((await createTarget('url', { progress, signal, url: 'postgres://ann@h/d' })).id).toBe('url')
})

test('auto is local where no engine answers, and says so', async () => {
  vi.stubEnv('DOCKER_HOST', 'unix:///nonexistent/docker.sock')
  expect((await createTarget('auto', { progress, signal })).id).toBe('local')
  expect(notes.join()).toMatch(/No Docker engine/)
})

test('auto is docker where an engine answers', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'simdgres-engine-'))
  const socket = join(folder, 'engine.sock')
  const engine = createServer((request, response) => {
    const body = /\/version$/.test(request.url ?? '') ? '{"ApiVersion":"1.41","Version":"20.10.24"}' : 'OK'
    response.writeHead(200, { 'Api-Version': '1.41' }).end(body)
  })
  await new Promise<void>((resolve) => engine.listen(socket, resolve))
  vi.stubEnv('DOCKER_HOST', `unix://${socket}`)
  expect((await createTarget('auto', { progress, signal })).id).toBe('docker')
  engine.close()
  rmSync(folder, { recursive: true })
})

test('refuses an unknown name and a URL that would not be used', async () => {
  await expect(createTarget('podman' as TargetChoice, { progress, signal })).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringContaining('docker, local, url'),
  })
  await expect(createTarget('local', { progress, signal, url: 'postgres://ann@h/d' })).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
  })
})
