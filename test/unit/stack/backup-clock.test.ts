import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const library = fileURLToPath(new URL('../../../docker/backup', import.meta.url))
const backups = mkdtempSync(join(tmpdir(), 'simdgres-backups-'))
afterAll(() => rmSync(backups, { recursive: true }))

/** Runs bash where the scripts of the backups are, on this folder in place of the volume. */
const run = (script: string): string =>
  execFileSync('bash', ['-euo', 'pipefail', '-c', script], {
    encoding: 'utf8',
    env: { ...process.env, SIMDGRES_BACKUPS: backups, SIMDGRES_BACKUP_LIBRARY: library },
  })

/** A set as list_sets knows it, with good sums. */
function makeSet(name: string): void {
  const folder = join(backups, 'logical', name)
  mkdirSync(folder, { recursive: true })
  for (const file of ['contents.json', 'database.dump', 'globals.sql'])
    writeFileSync(join(folder, file), file)
  run(`cd "${folder}"; sha256sum contents.json database.dump globals.sql >SHA256SUMS`)
}

const ofFuture = '20991231T000000.000Z-0000'
const past = ['20200101T000000.000Z-0000', '20200102T000000.000Z-0000', '20200103T000000.000Z-0000']

test('what was made while the clock was ahead is neither the newest for the schedule, nor pushes others out', () => {
  for (const name of [...past, ofFuture]) makeSet(name)
  const physical = join(backups, 'pgbackrest/backup/simdgres')
  for (const name of ['20200105-000000F', '20200105-000000F_20200106-000000I', '20991231-000000F']) {
    mkdirSync(join(physical, name), { recursive: true })
    writeFileSync(join(physical, name, 'backup.manifest'), '')
  }
  const ages = `source ${library}/storage.sh; source ${library}/ages.sh;`
  expect(run(`${ages} date --utc --date="@$(newest_set_time)" +%F`)).toBe('2020-01-03\n')
  expect(run(`${ages} date --utc --date="@$(newest_physical_time '*')" +%F`)).toBe('2020-01-06\n')
  expect(run(`${ages} date --utc --date="@$(newest_physical_time '*F')" +%F`)).toBe('2020-01-05\n')
  expect(run(`bash ${library}/retain-sets.sh 2 0`)).toBe(`${past[0]}\n`)
})

test('sets are kept by number and by time: thirty of one minute are not thirty days', () => {
  const now = run('date --utc +%Y%m%dT%H%M%S').trim()
  for (let n = 0; n < 4; n++) makeSet(`${now}.000Z-000${n}`)
  expect(run(`bash ${library}/retain-sets.sh 2 60 --dry-run`)).toBe(`${past[2]}\n${past[1]}\n`)
  expect(run(`bash ${library}/retain-sets.sh 2 0 --dry-run`).trim().split('\n')).toHaveLength(4)
  const read = `source ${library}/storage.sh; source ${library}/ages.sh; read_schedule; echo $keep_seconds`
  expect(run(`${read}`)).toBe(`${29 * 86_400}\n`)
  expect(run(`export BACKUP_KEEP_DAYS=08; ${read}`)).toBe(`${8 * 86_400}\n`)
})
