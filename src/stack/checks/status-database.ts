import type { Stack } from '../stack.js'
import { critical, type Finding, ok, warning } from './finding.js'

const mib = 1024 ** 2
/** Below this, if there were enough reads to mean something, queries wait for storage. */
const leastHitRatio = 0.9
const meaningfulReads = 100_000
const replicaLagWarningBytes = 64 * mib
const slotWarningBytes = 1024 * mib
/** Autovacuum acts against wraparound from 200 million on; at about 2,000 million PostgreSQL refuses writes. */
const ageWarning = 500_000_000
const ageCritical = 1_500_000_000

const facts = `
SELECT coalesce(sum(blks_hit), 0), coalesce(sum(blks_read), 0), coalesce(sum(checksum_failures), 0)
FROM pg_stat_database;
SELECT current_setting('data_checksums'), max(age(datfrozenxid)), current_setting('max_connections'),
  (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') FROM pg_database;
SELECT failed_count, coalesce(last_archived_time >= last_failed_time, failed_count = 0),
  archived_count, coalesce(last_failed_wal, '') FROM pg_stat_archiver;
SELECT 'replica', application_name, coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn), 0), state
FROM pg_stat_replication WHERE application_name <> 'pg_basebackup';
SELECT 'slot', slot_name, coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0), active
FROM pg_replication_slots;
SELECT 'setting', f.name, f.setting, current_setting(f.name)
FROM pg_file_settings f JOIN pg_settings s USING (name)
WHERE f.sourcefile LIKE '%/postgresql.auto.conf' AND s.source = 'command line';
`

/** Cache, checksums, age of transactions, archiving, replication, settings without effect. */
export async function checkDatabase(stack: Stack): Promise<Finding[]> {
  const [blocks, server, archiver, ...rest] = await stack.query(facts)
  const isSetting = ([kind]: readonly (string | null)[]): boolean => kind === 'setting'
  const [hits = 0, reads = 0, damaged = 0] = blocks!.map(Number)
  const [checksums, age, limit, used] = server!
  return [
    checkCache(hits, reads),
    checkChecksums(checksums === 'on', damaged),
    checkAge(Number(age)),
    checkConnections(Number(used), Number(limit)),
    checkArchiver(archiver!),
    ...rest.filter((row) => !isSetting(row)).map(checkLink),
    ...rest.filter(isSetting).map(describeIgnored),
  ]
}

function checkCache(hits: number, reads: number): Finding {
  const check = 'cache hit ratio'
  if (hits + reads === 0) return ok(check, 'nothing read yet')
  const ratio = hits / (hits + reads)
  const message = `${(ratio * 100).toFixed(1)} % of ${hits + reads} blocks`
  if (ratio >= leastHitRatio || reads < meaningfulReads) return ok(check, message)
  return warning(check, message, 'Give the database more memory: POSTGRES_MEMORY in .env, then simdgres up.')
}

function checkChecksums(isOn: boolean, failures: number): Finding {
  const check = 'data checksums'
  if (failures > 0) {
    return critical(
      check,
      `${failures} damaged blocks were read`,
      'Replace the storage and restore a backup.',
    )
  }
  return isOn
    ? ok(check, 'on, no damage seen')
    : warning(check, 'off', 'simdgres restore makes a cluster with them.')
}

function checkAge(age: number): Finding {
  const check = 'transaction age'
  const message = `${(age / 1e6).toFixed(1)} million`
  const hint = 'Find what keeps vacuum from advancing: old transactions, unused replication slots.'
  if (age > ageCritical) return critical(check, message, hint)
  return age > ageWarning ? warning(check, message, hint) : ok(check, message)
}

function checkConnections(used: number, limit: number): Finding {
  const message = `${used} of ${limit} connections`
  return used < limit * 0.9
    ? ok('connections', message)
    : warning(
        'connections',
        message,
        'Lower PGBOUNCER_MAX_DB_CONNECTIONS, or end sessions that go past the pool.',
      )
}

function checkArchiver([failed, isPast, archived, lastFailed]: readonly (string | null)[]): Finding {
  const check = 'log archive'
  const past = failed === '0' ? '' : `, ${failed} failures before the last of them`
  if (isPast === 't') return ok(check, `${archived} segments archived${past}`)
  return critical(check, `${lastFailed} cannot be archived (${failed} failures)`, 'simdgres logs postgres')
}

function checkLink([kind, name, lag, state]: readonly (string | null)[]): Finding {
  const bytes = Number(lag)
  const check = `${kind} ${name}`
  const message = `${state === 't' ? 'active' : state === 'f' ? 'not in use' : state}, ${(bytes / mib).toFixed(1)} MB behind`
  if (kind === 'slot' && bytes > slotWarningBytes) {
    return warning(check, message, 'It keeps log files: connect its reader, or drop it.')
  }
  if (kind === 'replica' && bytes > replicaLagWarningBytes) {
    return warning(check, message, 'Look for its load and its network.')
  }
  return ok(check, message)
}

/** ALTER SYSTEM succeeds, whatever the server was started with. */
function describeIgnored([, name, wanted, present]: readonly (string | null)[]): Finding {
  return warning(
    `setting ${name}`,
    `ALTER SYSTEM says ${wanted}, the server was started with ${present}, which wins`,
    `Change .env, then simdgres up; simdgres psql --superuser: ALTER SYSTEM RESET ${name}`,
  )
}
