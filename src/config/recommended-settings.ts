import { parseByteSize } from './byte-size.js'

const gib = 1024 ** 3
const mib = 1024 ** 2

/** What the engine's machine has; through a remote or virtual engine it is not this one. */
export interface HostSize {
  readonly cpus: number
  readonly memoryBytes: number
}

/**
 * Settings that fit the machine. The database gets half of the memory: the rest is for the other services, for the page
 * cache that their files share with it, and for whatever else runs there.
 */
export function recommendSettings({ cpus, memoryBytes }: HostSize): Record<string, string> {
  const databaseBytes = Math.max(256 * mib, Math.floor(memoryBytes / 2 / mib) * mib)
  // A core is kept busy by few connections that wait for storage in between; far more only wait for each other.
  const poolSize = Math.min(70, Math.max(20, cpus * 4))
  return {
    POSTGRES_MEMORY: formatSize(databaseBytes),
    POSTGRES_CPUS: String(cpus),
    // maintenance_work_mem is an eighth of the memory; parallel queries put their tables there too.
    POSTGRES_SHM_SIZE: formatSize(Math.max(64 * mib, databaseBytes / 4)),
    PGBOUNCER_CPUS: String(Math.min(1, cpus)),
    PGBOUNCER_POOL_SIZE: String(poolSize),
    // The application's role may have 85.
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
  /** It does not fit the machine: the engine would refuse it, or the kernel kill the server. */
  readonly isImpossible: boolean
}

/** The present values beside the recommended ones; only of settings that differ. */
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
