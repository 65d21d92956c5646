import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { buildNativeTests } from '../native-build.js'
import { titleWith } from '../skip-reasons.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const isaNames = ['scalar', 'avx2', 'avx512']

interface Finished {
  /** Exit status, or null after a signal and when the command could not be started. */
  status: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/** Asynchronous, so that the test runner stays responsive while a program runs for minutes under emulation. */
function run(command: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<Finished> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env } })
    const finished: Finished = { status: null, signal: null, stdout: '', stderr: '' }
    child.stdout.on('data', (chunk) => {
      finished.stdout += chunk
    })
    child.stderr.on('data', (chunk) => {
      finished.stderr += chunk
    })
    child.on('error', (error) => resolve({ ...finished, stderr: error.message }))
    child.on('close', (status, signal) => resolve({ ...finished, status, signal }))
  })
}

const buildKernelTests = async (kind: 'plain' | 'sanitized'): Promise<string> =>
  `${await buildNativeTests(kind)}/test/kernels/kernel_tests`

/** The program's own summary is the message when it fails. */
function expectAllPassed(result: Finished): void {
  const output = `${result.stdout}${result.stderr}`
  expect(result.status, `signal ${result.signal}\n${output}`).toBe(0)
  expect(output).toMatch(/^[1-9]\d* checks, 0 failed$/m)
}

/** Runs the program with one instruction set forced; where the machine lacks it, sees it refused and skips the test. */
async function expectForcedToPass(
  program: string,
  isa: string,
  skip: (reason: string) => void,
): Promise<void> {
  const result = await run(program, [], { SIMDGRES_ISA: isa })
  if (result.status === 3) {
    expect(isa, 'scalar code runs everywhere').not.toBe('scalar')
    expect(result.stderr).toContain(`SIMDGRES_ISA=${isa} is not supported by this machine`)
    skip(`this machine has no ${isa}`)
    return
  }
  expectAllPassed(result)
  expect(result.stdout).toContain(`isa=${isa} `)
  const tested = [...result.stdout.matchAll(/^testing (\w+) /gm)].map((match) => match[1])
  expect(new Set(tested)).toEqual(new Set([isa]))
}

describe('kernels on this machine', () => {
  let program = ''
  beforeAll(async () => {
    program = await buildKernelTests('plain')
  })

  test.concurrent.for(isaNames)('%s keeps its error bounds', async (isa, { skip }) => {
    await expectForcedToPass(program, isa, skip)
  })

  test('an unknown SIMDGRES_ISA is refused with the names that exist', async () => {
    const result = await run(program, [], { SIMDGRES_ISA: 'avx1024' })
    expect(result.status).toBe(2)
    expect(result.stderr).toContain('SIMDGRES_ISA=avx1024 is unknown; expected one of scalar, avx2, avx512')
  })
})

describe('kernels with AddressSanitizer and UndefinedBehaviorSanitizer', () => {
  let program = ''
  beforeAll(async () => {
    program = await buildKernelTests('sanitized')
  })

  test.concurrent.for(isaNames)('%s is clean', async (isa, { skip }) => {
    await expectForcedToPass(program, isa, skip)
  })
})

/*
 * Other CPUs than this one, by emulation. The sanitizers' shadow memory does not fit under it, so the plain build
 * runs. QEMU emulates AVX2 from version 7.2 on and no AVX-512.
 */
const emulator = process.arch === 'x64' ? await run('qemu-x86_64', ['--version']) : undefined
const emulatorVersion = Number(/version (\d+\.\d+)/.exec(emulator?.stdout ?? '')?.[1] ?? 0)
const mayBeMissing = process.env['CI'] === undefined || process.arch !== 'x64'
const problem =
  emulatorVersion === 0 && mayBeMissing ? 'there is no qemu-x86_64: install the package qemu-user' : undefined
const avx2Problem =
  emulatorVersion < 7.2 && mayBeMissing
    ? `QEMU ${emulatorVersion} does not emulate AVX2, 7.2 does`
    : undefined

describe.skipIf(problem !== undefined)(titleWith(problem, 'kernels on emulated CPUs'), () => {
  let program = ''
  beforeAll(async () => {
    program = await buildKernelTests('plain')
  })

  test.concurrent('a CPU without AVX runs the scalar kernels', async () => {
    const result = await run('qemu-x86_64', ['-cpu', 'Nehalem', program, '--short'], { SIMDGRES_ISA: '' })
    expectAllPassed(result)
    expect(result.stdout).toContain('isa=scalar ')
  })

  test.for([
    ['EPYC,family=26,model=2', 1], // Zen 5
    ['EPYC,family=26,model=68', 1], // Zen 5
    ['EPYC,family=26,model=80', 0], // Zen 6
    ['EPYC,family=25', 0], // Zen 4
    ['Haswell,family=26', 0], // another vendor's
    ['Nehalem', 0],
  ] as const)('%s: asks for memory ahead: %i', async ([cpu, expected]) => {
    const result = await run('qemu-x86_64', ['-cpu', cpu, program, '--describe'], { SIMDGRES_ISA: '' })
    expectAllPassed(result)
    expect(result.stdout).toContain(` fetches_ahead=${expected} `)
  })

  test('a CPU without AVX2 refuses SIMDGRES_ISA=avx2', async () => {
    const result = await run('qemu-x86_64', ['-cpu', 'Nehalem', program], { SIMDGRES_ISA: 'avx2' })
    expect(result.status).toBe(3)
    expect(result.stderr).toContain('SIMDGRES_ISA=avx2 is not supported by this machine')
  })

  test.skipIf(avx2Problem !== undefined)(
    titleWith(avx2Problem, 'a CPU with AVX2 and without AVX-512 runs the AVX2 kernels'),
    async () => {
      const result = await run('qemu-x86_64', ['-cpu', 'Haswell', program, '--short'], {
        SIMDGRES_ISA: 'avx2',
      })
      expectAllPassed(result)
      expect(result.stdout).toContain('isa=avx2 ')
    },
  )
})
