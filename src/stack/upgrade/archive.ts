import type { Stack } from '../stack.js'

const script = `
  if [ -e "\${SIMDGRES_REPOSITORY:-/backups/pgbackrest}/archive/simdgres/archive.info" ]; then
    pgbackrest --stanza=simdgres --no-online stanza-upgrade
    echo upgraded
  fi`

/**
 * Has the log archive take the log of `server`, which is another cluster than the one before, where there is an archive.
 * Without it every attempt to archive would fail, and the log fill the volume. A failure is reported: the move is done.
 */
export async function upgradeArchive(stack: Stack, server: string): Promise<void> {
  const { exitCode, stdout, stderr } = await stack.exec(server, ['sh', '-euc', script])
  if (exitCode !== 0) {
    stack.progress.note(
      `the log archive does not take the log of ${server}: ${stderr.trim()}. When no backup runs, repeat in its container: pgbackrest --stanza=simdgres --no-online stanza-upgrade`,
    )
  } else if (stdout.includes('upgraded')) {
    stack.progress.note('recovery to a point in time starts anew with the next: simdgres backup --physical')
  }
}
