import { constants } from 'node:fs'
import { access, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { devNull } from 'node:os'
import { basename, dirname } from 'node:path'
import { invalidArgument, SimdgresError } from '../errors.js'
import { writeFileAtomically, writeFilesAtomically } from '../system/atomic-file.js'
import { isSameOutput, resolveOutput } from '../system/output.js'
import { type BenchResult, resultSchema } from './schema.js'
import { convertResult1, resultSchema1 } from './version-1.js'

/** A path that an option names, to be written or only to be left as it is. */
export interface NamedPath {
  readonly option: string
  readonly path: string
}

/**
 * Rejects unless `path` can be written: asked before a long run, not after it. For a file the answer comes from making
 * one there and removing it; permissions alone do not tell (read-only and special file systems).
 */
export async function checkOutput(option: string, path: string): Promise<void> {
  const output = await resolveOutput(path)
  if (output.kind === 'descriptor') return
  const existing = await stat(output.path).catch(() => undefined)
  if (existing?.isDirectory()) throw invalidArgument(option, 'the path of a file', path, 'Name a file in it.')
  try {
    if (output.kind === 'device') return await access(output.path, constants.W_OK)
    const trial = `${output.path}.${process.pid}.part`
    await writeFile(trial, '', { flag: 'wx' })
    await rm(trial)
  } catch (error) {
    const where = output.kind === 'device' ? output.path : `the folder ${dirname(output.path)}`
    throw new SimdgresError(
      'ERR_RESOURCE',
      `${option}: nothing can be written to ${where}`,
      output.kind === 'device' ? 'Choose a file of yours.' : 'Create it, or choose a folder of yours.',
      { cause: error },
    )
  }
}

/**
 * Rejects with ERR_INVALID_ARGUMENT where two of `paths` lead to one file, device or pipe, however they are spelt: the
 * second would overwrite the first, or mix with it. The null device takes everything.
 */
export async function refuseSharedOutputs(paths: readonly NamedPath[]): Promise<void> {
  const outputs = await Promise.all(
    paths.map(async (named) => ({ ...named, output: await resolveOutput(named.path) })),
  )
  for (const [i, one] of outputs.entries()) {
    if (one.output.kind === 'device' && one.output.path === devNull) continue
    for (const other of outputs.slice(i + 1)) {
      if (!(await isSameOutput(one.output, other.output))) continue
      throw new SimdgresError(
        'ERR_INVALID_ARGUMENT',
        `${one.option} and ${other.option} lead to one place: ${one.path}`,
        'Name another file for one of them.',
      )
    }
  }
}

/** Where the samples of a result at `path` go; undefined for a device or pipe, which has no place beside it. */
export async function findSamplesPath(path: string): Promise<string | undefined> {
  const { kind } = await resolveOutput(path)
  return kind === 'file' ? `${path.replace(/\.json$/, '')}.samples.json` : undefined
}

/**
 * Writes the result to `path` and its samples to `<path without .json>.samples.json`, both whole or not at all. A device
 * or pipe gets the result alone, in one line.
 */
export async function writeResult(path: string, result: BenchResult, samples: unknown): Promise<void> {
  const samplesPath = await findSamplesPath(path)
  if (samplesPath === undefined) {
    await writeFileAtomically(path, [Buffer.from(`${JSON.stringify(result)}\n`)])
    return
  }
  const complete: BenchResult = { ...result, samples: basename(samplesPath) }
  await writeFilesAtomically([
    { path: samplesPath, parts: [Buffer.from(`${JSON.stringify(samples)}\n`)] },
    { path, parts: [Buffer.from(`${JSON.stringify(complete, null, 2)}\n`)] },
  ])
}

/**
 * Reads a result back, also one of version 1.
 * @throws ERR_CORRUPT_DATA if it is none, naming what it is or the first field that is wrong; errors of the system as they are.
 */
export async function readResult(path: string): Promise<BenchResult> {
  const value = parseJson(await readFile(path, 'utf8'), path)
  const { schema } = Object(value) as { readonly schema?: unknown }
  if (typeof schema === 'string') refuseOtherSchema(path, schema)
  const isVersion1 = schema === resultSchema1.shape.schema.value
  const parsed = isVersion1
    ? resultSchema1.transform(convertResult1).safeParse(value)
    : resultSchema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  throw notAResult(path, `${issue.path.join('.')}: ${issue.message}`)
}

function refuseOtherSchema(path: string, schema: string): void {
  const read = [resultSchema1.shape.schema.value, resultSchema.shape.schema.value] as readonly string[]
  if (read.includes(schema)) return
  const [, command] = /^simdgres\.([a-z]+)\/\d+$/.exec(schema) ?? []
  if (command === 'bench') {
    throw new SimdgresError(
      'ERR_CORRUPT_DATA',
      `${path} is a result of another version: ${schema}, where this one reads ${read.join(' and ')}`,
      'Read it with the version that has written it, or measure again with simdgres bench --json FILE.',
    )
  }
  if (command === undefined) return
  throw new SimdgresError(
    'ERR_CORRUPT_DATA',
    `${path} is no result of simdgres bench, but ${schema}`,
    `Give a file of simdgres bench --json. The reports of simdgres ${command} are made with its run: simdgres ${command} --help.`,
  )
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
