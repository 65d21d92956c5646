import type { Stack } from '../stack.js'

const script = `
  if [ -e "\${SIMDGRES_REPOSITORY:-/backups/pgbackrest}/archive/simdgres/archive.info" ]; then
    pgbackrest --stanza=simdgres --no-online stanza-upgrade
    echo upgraded
  fi`

/**
 * Has the log archive, if there is one, accept the log of `server`, which is a new cluster. Otherwise archiving would fail
 * every time, and the log would fill the volume. The move itself is done, so a failure is only noted.
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
