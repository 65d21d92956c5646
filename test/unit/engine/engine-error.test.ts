import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { engineError } from '#src/engine/engine.js'

const folder = mkdtempSync(join(tmpdir(), 'simdgres-engine-error-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = join(folder, 'file')
writeFileSync(file, '')

const failToConnect = (path: string) => new Promise<Error>((resolve) => connect(path).once('error', resolve))
const failToRead = (path: string) =>
  new Promise<Error>((resolve) => createReadStream(path).once('error', resolve))
const denied = Object.assign(new Error('EACCES: permission denied'), {
  code: 'EACCES',
  syscall: 'mkdir',
  path: '/nowhere/images',
})

test('a socket that is not there is a lost engine', async () => {
  const error = engineError(await failToConnect(join(folder, 'docker.sock')), 'looking for the image x')
  expect(error).toMatchObject({
    code: 'ERR_LOST_CONNECTION',
    message: 'The Docker engine went away while looking for the image x (ENOENT)',
  })
})

test('a file that cannot be read or made is not', async () => {
  const missing = join(folder, 'archive.tar')
  expect(engineError(await failToRead(missing), 'making the base image x')).toMatchObject({
    message: `There is no such file (ENOENT) while making the base image x: ${missing}`,
  })
  const below = await mkdir(join(file, 'images')).catch((error: unknown) => error)
  expect(engineError(below, 'building the image x')).not.toMatchObject({ code: 'ERR_LOST_CONNECTION' })
  expect(engineError(denied, 'building the image x')).toMatchObject({
    code: 'ERR_RESOURCE',
    message: 'Permission was denied (EACCES) while building the image x: /nowhere/images',
  })
})
