import { join } from 'node:path'
import { SimdgresError } from '../errors.js'
import { packageRoot } from '../system/cache-folder.js'
import { runCommand } from '../system/command.js'

/** The script that the image's entry point uses too: every server of ours is tuned by the same arithmetic. */
const script = join(packageRoot, 'docker', 'postgres', 'tune.sh')

/**
 * Runs the script that computes the server's parameters.
 * @param args as its head describes them.
 * @returns names and values, in its order.
 * @throws ERR_INVALID_ARGUMENT (as rejection) for a value that it refuses, with its reason.
 */
export async function runTuneScript(
  args: readonly string[],
  signal: AbortSignal,
): Promise<[name: string, value: string][]> {
  try {
    const output = await runCommand('bash', [script, ...args], {
      purpose: 'Computing the server parameters',
      hint: 'Correct the setting that the last line names.',
      signal,
    })
    return output
      .trim()
      .split('\n')
      .map((line) => {
        const at = line.indexOf('=')
        return [line.slice(0, at), line.slice(at + 1)]
      })
  } catch (error) {
    // The script runs everywhere bash does: what it refuses is a value.
    if (!(error instanceof SimdgresError) || error.code !== 'ERR_UNAVAILABLE') throw error
    throw new SimdgresError('ERR_INVALID_ARGUMENT', error.message, error.hint, { cause: error })
  }
}
