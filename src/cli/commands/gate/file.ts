import { readFile } from 'node:fs/promises'
import type { z } from 'zod'
import { SimdgresError } from '../../../errors.js'
import { type GateFile, gateFileName, gateFileSchema, policyOf } from '../../../gate/gate-file.js'
import { findNearestName } from '../../options/suggestion.js'

/**
 * What the file says: that of `--config`, or simdgres.json in the working folder. Nothing if there is no such file there.
 * @throws ERR_INVALID_ARGUMENT naming the file, the key and the next step.
 */
export async function readGateFile(named: string | undefined): Promise<GateFile> {
  const path = named ?? gateFileName
  const text = await readText(path, named !== undefined)
  if (text === undefined) return {}
  const { data, error } = gateFileSchema.safeParse(parseJson(path, text))
  if (error !== undefined) throw explainIssue(path, error.issues[0]!)
  checkPolicy(path, data)
  return data
}

async function readText(path: string, isNamed: boolean): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' && !isNamed) return undefined
    throw new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      `${path} cannot be read: ${(error as Error).message}`,
      isNamed
        ? 'Pass --config a file that can be read.'
        : `Make ${path} readable, or pass --config another file.`,
      { cause: error },
    )
  }
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      `${path} is not JSON: ${(error as Error).message}`,
      `Correct ${path} there; JSON has no comments, and no comma after the last entry.`,
      { cause: error },
    )
  }
}

function explainIssue(path: string, issue: z.core.$ZodIssue): SimdgresError {
  if (issue.code !== 'unrecognized_keys') {
    const key = issue.path.length === 0 ? 'the whole file' : `the key ${nameKey(issue.path)}`
    return new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      `${path} has a wrong value for ${key}: ${issue.message}`,
      `Correct ${key} in ${path}; docs/simdgres.schema.json says what it takes.`,
    )
  }
  const unknown = issue.keys[0]!
  const known = Object.keys(
    issue.path[0] === 'policy' ? gateFileSchema.shape.policy.unwrap().shape : gateFileSchema.shape,
  )
  const nearest = findNearestName(unknown, known)
  return new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    `${path} has an unknown key ${nameKey([...issue.path, unknown])}`,
    nearest === undefined
      ? `Remove it from ${path}; known are ${known.join(', ')}.`
      : `Did you mean ${nameKey([...issue.path, nearest])}? Correct it in ${path}.`,
  )
}

/** What is ruled out must be more than what does not count, or every quiet row would be inconclusive. */
function checkPolicy(path: string, file: GateFile): void {
  const { 'log-ratio': time, share } = policyOf(file).effects
  const check = (keys: readonly [string, string], { minimal, detectable }: typeof time) => {
    if (minimal < detectable) return
    throw new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      `${path} has a policy.${keys[0]} that is not below policy.${keys[1]}`,
      `Lower policy.${keys[0]} in ${path}, or raise policy.${keys[1]}.`,
    )
  }
  check(['minimalChange', 'detectableChange'], time)
  check(['minimalRecallLoss', 'detectableRecallLoss'], share)
}

const nameKey = (path: readonly PropertyKey[]) => path.map(String).join('.')
