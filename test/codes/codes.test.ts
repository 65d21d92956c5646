import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { buildNativeTests } from '../native-build.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

interface Finished {
  /** Exit status; 1 also after a signal. */
  status: number
  output: string
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Finished> {
  return new Promise((resolve) => {
    execFile(
      command,
      args,
      { cwd: root, env: { ...process.env, ...env }, maxBuffer: 1 << 26 },
      (error, stdout, stderr) => {
        const status = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
        resolve({ status, output: `${stdout}${stderr}` })
      },
    )
  })
}

const build = async (kind: 'plain' | 'sanitized'): Promise<string> =>
  `${await buildNativeTests(kind)}/test/codes`

function expectAllPassed(finished: Finished): void {
  expect(finished.status, finished.output).toBe(0)
  expect(finished.output).toMatch(/^[1-9]\d* checks, 0 failed$/m)
}

describe('searches by codes', () => {
  let programs = ''
  beforeAll(async () => {
    programs = await build('plain')
  })

  test('equal loops in double, and no bound is above a distance, with every kernel of this machine', async () => {
    expectAllPassed(await run(`${programs}/codes_tests`, ['sets=150']))
  })

  test('SIMDGRES_ISA=scalar runs the scalar kernels', async () => {
    const finished = await run(`${programs}/codes_tests`, ['seed=1000', 'sets=60'], {
      SIMDGRES_ISA: 'scalar',
    })
    expectAllPassed(finished)
    expect(finished.output).toContain('kernels=scalar')
  })

  test('are exact where they prune: 20,000 rows', async () => {
    expectAllPassed(await run(`${programs}/codes_tests`, ['sets=6', 'rows=20000', 'queries=20', 'bounds=0']))
  })

  test('are wrong for some input when any one rounding is left out of the bounds', async () => {
    const finished = await run(`${programs}/codes_term_tests`, [])
    expectAllPassed(finished)
    expect(finished.output.match(/^ok without /gm)).toHaveLength(10)
  })
})

describe('searches by codes with AddressSanitizer and UndefinedBehaviorSanitizer', () => {
  let programs = ''
  beforeAll(async () => {
    programs = await build('sanitized')
  })

  test('are clean with every kernel of this machine', async () => {
    expectAllPassed(await run(`${programs}/codes_tests`, ['sets=60']))
  })
})
