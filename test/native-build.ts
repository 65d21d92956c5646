import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { withLock } from '#src/system/file-lock.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const targets = ['kernel_tests', 'codes_tests', 'codes_term_tests']

/**
 * Builds the programs of test/kernels and test/codes, which share most of what they are compiled from. Test files that
 * run at the same time wait for each other, and the second finds everything built.
 * @returns where the build is: the programs are in test/kernels and test/codes below it.
 */
export async function buildNativeTests(kind: 'plain' | 'sanitized'): Promise<string> {
  const folder = join(root, 'build', `tests-${kind}`)
  await mkdir(folder, { recursive: true })
  await withLock(join(folder, 'lock'), new AbortController().signal, async () => {
    const sanitize = kind === 'sanitized' ? 'ON' : 'OFF'
    await cmake('-S', root, '-B', folder, '-DSIMDGRES_TESTS=ON', `-DSIMDGRES_SANITIZE=${sanitize}`)
    await cmake('--build', folder, '-j2', '--target', ...targets)
  })
  return folder
}

async function cmake(...args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)('cmake', args, { maxBuffer: 1 << 26 })
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`cmake ${args.join(' ')} failed\n${stdout}${stderr}`, { cause: error })
  }
}
