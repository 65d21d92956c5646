import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { invalidArgument, SimdgresError } from '../errors.js'
import { writeFilesAtomically } from '../system/atomic-file.js'
import { type BenchResult, resultSchema } from './schema.js'
import { convertResult1, resultSchema1 } from './version-1.js'

/**
 * Rejects unless a file can be written at `path`: asked before a long run, not after it. The answer comes from
 * making a file there and removing it; permissions alone do not tell (read-only and special file systems).
 */
export async function checkOutput(option: string, path: string): Promise<void> {
  const existing = await stat(path).catch(() => undefined)
  if (existing?.isDirectory()) throw invalidArgument(option, 'the path of a file', path, 'Name a file in it.')
  const trial = `${path}.${process.pid}.part`
  try {
    await writeFile(trial, '', { flag: 'wx' })
    await rm(trial)
  } catch (error) {
    throw new SimdgresError(
      'ERR_RESOURCE',
      `${option}: nothing can be written to the folder ${dirname(resolve(path))}`,
      'Create it, or choose a folder of yours.',
      { cause: error },
    )
  }
}

/** Writes the result to `path` and its samples to `<path without .json>.samples.json`, both whole or not at all. */
export async function writeResult(path: string, result: BenchResult, samples: unknown): Promise<void> {
  const samplesPath = `${path.replace(/\.json$/, '')}.samples.json`
  const complete: BenchResult = { ...result, samples: basename(samplesPath) }
  await writeFilesAtomically([
    { path: samplesPath, parts: [Buffer.from(`${JSON.stringify(samples)}\n`)] },
    { path, parts: [Buffer.from(`${JSON.stringify(complete, null, 2)}\n`)] },
  ])
}

/** Reads a result back, also one of version 1; ERR_CORRUPT_DATA if it is none, naming the first field that is wrong. */
export async function readResult(path: string): Promise<BenchResult> {
  const value = parseJson(await readFile(path, 'utf8'), path)
  const isVersion1 = Object(value).schema === resultSchema1.shape.schema.value
  const parsed = isVersion1
    ? resultSchema1.transform(convertResult1).safeParse(value)
    : resultSchema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  throw notAResult(path, `${issue.path.join('.')}: ${issue.message}`)
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw notAResult(path, error instanceof Error ? error.message : String(error))
  }
}

function notAResult(path: string, detail: string): SimdgresError {
  return new SimdgresError(
    'ERR_CORRUPT_DATA',
    `${path} is not a result of simdgres bench (${detail})`,
    'Make a new one with simdgres bench --json FILE.',
  )
}
