import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'simdgres-line-ends-'))
const clone = join(folder, 'clone')

/** Git for Windows sets core.autocrlf; its clones are mounted into WSL and copied into images. */
describe('a clone with core.autocrlf=true', () => {
  beforeAll(async () => {
    await run('git', ['clone', '--quiet', '--config', 'core.autocrlf=true', root, clone])
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('has the line ends of the repository in every file', async () => {
    // i/lf w/crlf attr/text=auto eol=lf  path
    const { stdout } = await run('git', ['-C', clone, 'ls-files', '--eol'])
    const files = stdout.trimEnd().split('\n')
    expect(files.length).toBeGreaterThan(300)
    expect(files.filter((line) => /w\/(crlf|mixed)/.test(line))).toEqual([])
  })

  test('runs the scripts of the image', async () => {
    const script = join(clone, 'docker', 'postgres', 'tune.sh')
    const GiB = String(2 ** 30)
    const { stdout } = await run('bash', [script, '--memory', GiB, '--cpus', '2', '--shm', GiB])
    expect(stdout).toContain('shared_buffers=')
  })
})
