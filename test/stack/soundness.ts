import { expect } from 'vitest'
import type { Stack } from '#src/stack/stack.js'

/** No page with a wrong checksum, and every table and index as it should be. */
export async function expectSound(stack: Stack): Promise<void> {
  expect(await stack.query('SHOW data_checksums')).toEqual([['on']])
  const result = await stack.exec('postgres', [
    'sh',
    '-c',
    'PGPASSWORD="$(cat /run/secrets/postgres_password)" exec pg_amcheck --all --install-missing --heapallindexed -h /var/run/postgresql -U claude_agent',
  ])
  expect(result).toEqual({ exitCode: 0, stdout: '', stderr: '' })
  expect(await stack.query('SELECT sum(checksum_failures) FROM pg_stat_database')).toEqual([['0']])
}
