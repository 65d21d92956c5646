import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Bytes of the largest cache of the first processor: what is in it is several times as fast as what is not.
 * @param root where sys is found; tests give a folder of their own.
 * @returns 0 where the system does not say.
 */
export function processorCacheBytes(root = '/'): number {
  const folder = join(root, 'sys/devices/system/cpu/cpu0/cache')
  try {
    const sizes = readdirSync(folder)
      .filter((name) => name.startsWith('index'))
      .map((name) => readFileSync(join(folder, name, 'size'), 'utf8').trim())
    return Math.max(0, ...sizes.map(parseSize))
  } catch {
    // No such folder in some virtual machines, and on other systems.
    return 0
  }
}

function parseSize(text: string): number {
  const [, number = '0', unit = ''] = /^(\d+)([KM]?)$/.exec(text) ?? []
  return Number(number) * (unit === 'M' ? 2 ** 20 : unit === 'K' ? 2 ** 10 : 1)
}
