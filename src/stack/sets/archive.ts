import type { Stack } from '../stack.js'

/** Longest wait for the first file of a log to arrive in the archive; without any load it takes a second. */
const arrivalSeconds = 30
const marker = '"$PGDATA/archiving-off"'

/** Run where a cluster is: its server hands no log over, as the archive takes that of one cluster. */
export const withoutArchive = `touch ${marker}; sync "$PGDATA"`

/** Has a server hand no log over any more. */
export async function stopArchiving(stack: Stack, server: string): Promise<void> {
  const { exitCode, stderr } = await stack.exec(server, ['sh', '-euc', withoutArchive])
  if (exitCode !== 0) stack.progress.note(`${server} goes on archiving, and will fail: ${stderr.trim()}`)
}

const upgradeScript = `
  # Last, but in any case: what is handed over too early fails, and is tried again only after a minute.
  trap 'rm -f ${marker}' EXIT
  if [ -e "\${SIMDGRES_REPOSITORY:-/backups/pgbackrest}/archive/simdgres/archive.info" ]; then
    pgbackrest --stanza=simdgres --no-online stanza-upgrade
    echo upgraded
    # The log goes there too, once a backup has made it. An archive that refuses it would keep the log on the server's disk.
    if [ -e /backups/repository2 ] && [ "$(sha256sum </run/secrets/repository2.conf)" = "$(cat /backups/repository2)" ]; then
      # No backup of this cluster is there: the schedule makes one.
      rm -f /backups/repository2-made /backups/repository2-full
      pgbackrest --stanza=simdgres --config-include-path=/run/secrets --no-online stanza-upgrade || echo 'second failed'
    fi
  fi`

/** Until a file has arrived, status sees the failures from before the archive accepted any. */
const arrival = `
  SELECT pg_stat_reset_shared('archiver');
  SELECT pg_logical_emit_message(true, 'simdgres_archive', 'begin');
  SELECT pg_switch_wal();
  DO $wait$
  BEGIN
    FOR attempt IN 1..${arrivalSeconds * 10} LOOP
      PERFORM pg_stat_clear_snapshot();
      EXIT WHEN (SELECT archived_count > 0 FROM pg_stat_archiver);
      PERFORM pg_sleep(0.1);
    END LOOP;
  END $wait$;
  SELECT archived_count > 0 FROM pg_stat_archiver`

/**
 * Has the log archive, if there is one, accept the log of `server`, which is a new cluster. Otherwise archiving would fail
 * every time, and the log would fill the volume. The move itself is done, so a failure is only noted.
 */
export async function upgradeArchive(stack: Stack, server: string): Promise<void> {
  const { exitCode, stdout, stderr } = await stack.exec(server, ['sh', '-euc', upgradeScript])
  if (exitCode !== 0) {
    stack.progress.note(
      `the log archive does not take the log of ${server}: ${stderr.trim()}. When no backup runs, repeat in its container: pgbackrest --stanza=simdgres --no-online stanza-upgrade`,
    )
    return
  }
  if (!stdout.includes('upgraded')) return
  if (stdout.includes('second failed')) {
    stack.progress.note(
      `the second repository does not take the log of ${server} yet, and the log is kept until it does: its next backup mends that, once it can be reached. ${stderr.trim()}`,
    )
    return
  }
  const rows = await stack.query(arrival, { service: server, database: 'postgres' })
  if (rows.at(-1)?.[0] !== 't') stack.progress.note(`${server} has archived nothing yet; see simdgres status`)
}
