import { invalidArgument } from '../errors.js'

const unitMs: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/**
 * Milliseconds of a duration as compose files write it: `90s`, `1m30s`, `2h`, `500ms`.
 * @throws ERR_INVALID_ARGUMENT naming `name`.
 */
export function parseDurationMs(text: string, name: string): number {
  if (!/^(\d+(?:\.\d+)?(us|ms|s|m|h))+$/.test(text)) {
    throw invalidArgument(name, 'a duration such as 10s or 1m30s', text)
  }
  let durationMs = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(us|ms|s|m|h)/g)) {
    durationMs += Number(amount) * unitMs[unit!]!
  }
  return durationMs
}
