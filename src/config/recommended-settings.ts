import { parseByteSize } from './byte-size.js'

const gib = 1024 ** 3
const mib = 1024 ** 2

/** What the engine's machine has, which is not this one if the engine is remote or in a virtual machine. */
export interface HostSize {
  readonly cpus: number
  readonly memoryBytes: number
}

/**
 * Settings that fit the machine. The database gets half of the memory: the rest is for the other services, the page
 * cache that all files share, and whatever else runs there.
 */
export function recommendSettings({ cpus, memoryBytes }: HostSize): Record<string, string> {
  const databaseBytes = Math.max(256 * mib, Math.floor(memoryBytes / 2 / mib) * mib)
  // A few connections keep a core busy although they sometimes wait for storage; many more would wait for each other.
  const poolSize = Math.min(70, Math.max(20, cpus * 4))
  return {
    POSTGRES_MEMORY: formatSize(databaseBytes),
    POSTGRES_CPUS: String(cpus),
    // Holds maintenance_work_mem, an eighth of the memory, and the hash tables of parallel queries.
    POSTGRES_SHM_SIZE: formatSize(Math.max(64 * mib, databaseBytes / 4)),
    PGBOUNCER_CPUS: String(Math.min(1, cpus)),
    PGBOUNCER_POOL_SIZE: String(poolSize),
    // The application's role may have 85 connections.
    PGBOUNCER_MAX_DB_CONNECTIONS: String(poolSize + 10),
  }
}

function formatSize(bytes: number): string {
  return bytes % gib === 0 ? `${bytes / gib}g` : `${Math.floor(bytes / mib)}m`
}

export interface SettingReview {
  readonly name: string
  readonly value: string
  readonly recommended: string
  /** Whether it is too much for the machine: the engine would refuse it, or the kernel would kill the server. */
  readonly isImpossible: boolean
}

/** Present values beside recommended ones, for the settings that differ. */
export function reviewSettings(
  settings: Readonly<Record<string, string>>,
  recommended: Readonly<Record<string, string>>,
  { cpus, memoryBytes }: HostSize,
): SettingReview[] {
  return Object.entries(recommended)
    .map(([name, value]) => ({ name, value: settings[name] ?? '', recommended: value }))
    .filter(({ value, recommended }) => value !== '' && value !== recommended)
    .map((row) => ({
      ...row,
      isImpossible:
        (row.name.endsWith('_CPUS') && Number(row.value) > cpus) ||
        (row.name.endsWith('_MEMORY') && parseByteSize(row.value, row.name) > memoryBytes),
    }))
}
