import { parseEnvFile } from '../config/env-file.js'
import { invalidArgument, SimdgresError } from '../errors.js'
import { stackVariables } from '../report/tuned-settings.js'
import { readText } from '../system/text-file.js'

/** In .env, while a tuned file is applied: what the variables were before, `NAME=VALUE` parted by spaces. */
const formerSetting = 'STACK_UNTUNED'

type Values = Readonly<Record<string, string>>

/**
 * Variables of a file of `simdgres tune --out`.
 * @throws ERR_INVALID_ARGUMENT where there is no such file, or it sets anything but what a tuner may.
 */
export async function readTunedFile(path: string): Promise<Record<string, string>> {
  const text = await readText(path)
  if (text === undefined) throw invalidArgument('--tuned', 'a file of simdgres tune --out', path)
  const values = parseEnvFile(text, path, {})
  const known = Object.values(stackVariables)
  for (const [name, value] of Object.entries(values)) {
    if (!known.includes(name)) {
      throw invalidArgument('--tuned', `a file that sets only ${known.join(', ')}`, name)
    }
    if (!/^\w+$/.test(value)) throw invalidArgument(`${name} of --tuned`, 'a size or a count', value)
  }
  return values
}

/** Changes of .env that apply `tuned` and keep what was there before: of two files after each other, before the first. */
export function applyTuned(present: Values, tuned: Values): Record<string, string> {
  const former = { ...pick(present, Object.keys(tuned)), ...readFormer(present) }
  const text = Object.entries(former).map(([name, value]) => `${name}=${value}`)
  return { ...tuned, [formerSetting]: text.join(' ') }
}

/**
 * Changes of .env that undo it; an empty variable is computed from the machine.
 * @throws ERR_INVALID_ARGUMENT where nothing was applied.
 */
export function undoTuned(present: Values): Record<string, string> {
  const former = readFormer(present)
  if (Object.keys(former).length > 0) return { ...former, [formerSetting]: '' }
  throw new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    'No tuned settings are applied to this stack',
    'Leave --untune out; simdgres up --tuned FILE applies some.',
  )
}

const pick = (values: Values, names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, values[name] ?? '']))

function readFormer(present: Values): Record<string, string> {
  const known = Object.values(stackVariables)
  return Object.fromEntries(
    (present[formerSetting] ?? '').split(' ').flatMap((part) => {
      const at = part.indexOf('=')
      const name = part.slice(0, at)
      return known.includes(name) ? [[name, part.slice(at + 1)]] : []
    }),
  )
}
