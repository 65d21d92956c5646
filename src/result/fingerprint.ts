import { createHash } from 'node:crypto'

/** What a machine's figures depend on, as far as it says. */
export interface MachineFacts {
  readonly cpu: string
  readonly cores: number
  readonly memoryBytes: number
}

/** The same for runs whose figures may be compared. Memory in GiB: a kernel's update takes some kilobytes of it. */
export function fingerprintOf({ cpu, cores, memoryBytes }: MachineFacts): string {
  const parts = [cpu, cores, Math.round(memoryBytes / 2 ** 30)]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16)
}
