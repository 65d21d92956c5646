import { describe, expect, it } from 'vitest'
import { runCli } from './run-cli.js'

/** A folder that nobody can make, root included. */
const env = { SIMDGRES_CACHE: '/dev/null/x' }
const synthetic = ['--dataset', 'synthetic-2000x16', '--queries', '50', '--seconds', '1']

describe('a cache folder that cannot be written ends with code 5, the folder and SIMDGRES_CACHE', () => {
  it.each([
    ['ground truth', ['bench', ...synthetic, '--paths', 'addon-exact'], 'ground-truth'],
    [
      'run with a private server',
      ['bench', ...synthetic, '--paths', 'pgvector-exact', '--target', 'local'],
      'ground-truth',
    ],
    [
      'data set that is downloaded',
      ['bench', '--dataset', 'mnist-784', '--paths', 'addon-exact'],
      'datasets',
    ],
    ['data set that is fetched', ['data', 'fetch', 'mnist-784'], 'datasets'],
  ])('%s', async (_what, args, area) => {
    const { code, stdout, stderr } = await runCli(args, env)
    expect(stderr).toContain(`error: The cache folder /dev/null/x/${area}`)
    expect(stderr).toMatch(/^ {2}next: Set SIMDGRES_CACHE to a folder you may write to/m)
    expect({ code, stdout }).toEqual({ code: 5, stdout: '' })
  })

  it('what is there can be listed all the same: nothing', async () => {
    const { code, stdout } = await runCli(['data'], env)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^mnist-784 .* download/m)
  })
})
