import { readFileSync } from 'node:fs'
import { SimdgresError } from '../errors.js'
import { type Environment, interpolate } from './interpolation.js'

const linePattern = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$/
const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\', $: '$$' }

/**
 * Variables of a .env file by compose's rules: `NAME=value` lines, `#` comments, single quotes literal, double
 * quotes and bare values interpolated from the lines above and from `shell`, which wins.
 * @throws ERR_INVALID_ARGUMENT naming file and line.
 */
export function parseEnvFile(text: string, file: string, shell: Environment): Record<string, string> {
  const variables: Record<string, string> = {}
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(#|$)/.test(line)) continue
    const match = linePattern.exec(line)
    if (!match) {
      throw new SimdgresError(
        'ERR_INVALID_ARGUMENT',
        `${file}:${index + 1} is not NAME=value: ${line.trim()}`,
        'Write one NAME=value per line; start comments with #.',
      )
    }
    const place = `${file}:${index + 1}`
    variables[match[1]!] = readValue(match[2]!, place, { ...variables, ...shell })
  }
  return variables
}

/** Variables of `file`, none if there is no such file. */
export function loadEnvFile(file: string, shell: Environment): Record<string, string> {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw new SimdgresError('ERR_RESOURCE', `Cannot read ${file}`, 'Check its permissions.', { cause: error })
  }
  return parseEnvFile(text, file, shell)
}

function readValue(raw: string, place: string, environment: Environment): string {
  const single = /^'([^']*)'\s*(?:#.*)?$/.exec(raw)
  if (single) return single[1]!
  const double = /^"((?:[^"\\]|\\.)*)"\s*(?:#.*)?$/.exec(raw)
  if (double) {
    const unescaped = double[1]!.replace(/\\(.)/g, (all, character: string) => escapes[character] ?? all)
    return interpolate(unescaped, environment, place)
  }
  if (/^['"]/.test(raw)) {
    throw new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      `${place} has an opening quote without a closing one`,
      'Close the quote; values over several lines are not supported.',
    )
  }
  return interpolate(raw.replace(/(^|\s+)#.*$/, ''), environment, place)
}
