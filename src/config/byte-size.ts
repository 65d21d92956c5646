import { invalidArgument } from '../errors.js'

const unitBytes: Readonly<Record<string, number>> = {
  '': 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
}

/**
 * Bytes of a size as compose files, PostgreSQL and Kubernetes write it: `512m`, `1gb`, `64MB`, `4Gi`, `4194304`. Case does
 * not matter, units are powers of 1024, and fractions are allowed (`1.5g`).
 * @throws ERR_INVALID_ARGUMENT naming `name`.
 */
export function parseByteSize(text: string | number, name: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(?:([kmgt])i?)?b?\s*$/i.exec(String(text))
  const bytes = match
    ? Number(match[1]) * (unitBytes[(match[2] ?? '').toLowerCase()] ?? Number.NaN)
    : Number.NaN
  if (!Number.isSafeInteger(Math.round(bytes))) {
    throw invalidArgument(name, 'a size such as 512m or 1gb', text)
  }
  return Math.round(bytes)
}
