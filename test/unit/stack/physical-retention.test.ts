import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { dockerFolder } from '#src/config/stack.js'

const day = 86_400
const nowSeconds = Math.floor(Date.now() / 1000)
const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true })
})

interface Row {
  readonly daysAgo: number
  readonly timeline?: number
  readonly stop?: string
  readonly databaseId?: number
}

/** A repository as pgBackRest keeps it, as far as the scripts read it. */
function makeRepository(rows: readonly Row[], histories: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'simdgres-retention-'))
  folders.push(folder)
  const backups = join(folder, 'pgbackrest/backup/simdgres')
  const archive = join(folder, 'pgbackrest/archive/simdgres/17-1')
  for (const path of [backups, archive]) mkdirSync(path, { recursive: true })
  const lines = rows.map(({ daysAgo, timeline = 1, stop = '0/1000000', databaseId = 1 }) => {
    const time = nowSeconds - daysAgo * day
    const name = `${new Date(time * 1000).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')}F`
    mkdirSync(join(backups, name))
    writeFileSync(join(backups, name, 'backup.manifest'), '')
    const wal = `${timeline.toString(16).padStart(8, '0').toUpperCase()}0000000000000001`
    return `${name}={"backrest-format":5,"backup-archive-start":"${wal}","backup-archive-stop":"${wal}","backup-lsn-start":"0/1","backup-lsn-stop":"${stop}","backup-timestamp-start":${time - 9},"backup-timestamp-stop":${time},"backup-type":"full","db-id":${databaseId},"option-online":true}`
  })
  const info = `[backup:current]\n${lines.join('\n')}\n\n[db]\ndb-id=1\ndb-system-id=7\ndb-version="17"\n`
  writeFileSync(join(backups, 'backup.info'), info)
  for (const [name, text] of Object.entries(histories)) writeFileSync(join(archive, `${name}.history`), text)
  return folder
}

const run = (folder: string, command: string): string => {
  const library = join(dockerFolder, 'backup')
  const script = `set -Eeuo pipefail; source ${library}/storage.sh; source ${library}/ages.sh; source ${library}/retention.sh; ${command}`
  const env = { ...process.env, SIMDGRES_BACKUPS: folder }
  return execFileSync('bash', ['-c', script], { encoding: 'utf8', env }).trim()
}
const keep = (folder: string, number: number, window = 0): string =>
  run(folder, `fulls_to_keep ${number} ${window}`)

describe('full backups that are kept', () => {
  test('are as many as were asked for', () => {
    const folder = makeRepository([{ daysAgo: 0 }, { daysAgo: 1 }, { daysAgo: 2 }])
    expect([keep(folder, 1), keep(folder, 2), keep(folder, 5)]).toEqual(['1', '2', '5'])
  })

  test('reach as far back as the window, however many were made since', () => {
    const folder = makeRepository([
      { daysAgo: 0 },
      { daysAgo: 1 },
      { daysAgo: 5 },
      { daysAgo: 8 },
      { daysAgo: 15 },
    ])
    expect(keep(folder, 2, 7 * day)).toBe('4')
  })

  test('are those that lead to the present timeline: what a restore abandoned does not count', () => {
    const rows = [
      { daysAgo: 0, timeline: 2, stop: '0/9000000' },
      // After the time that the restore went back to.
      { daysAgo: 1, timeline: 1, stop: '0/6000000' },
      { daysAgo: 2, timeline: 1, stop: '0/4000000' },
      { daysAgo: 3, timeline: 1, stop: '0/3000000' },
    ]
    const folder = makeRepository(rows, { '00000002': '1\t0/5000000\tbefore 2026-01-31 12:00:00+00\n' })
    expect(keep(folder, 2)).toBe('3')
  })

  test('are of the present version: the newest of another one is no reason to wait with the next', () => {
    const folder = makeRepository([{ daysAgo: 0, databaseId: 2 }, { daysAgo: 3 }])
    expect(Number(run(folder, "newest_physical_time '*F'"))).toBe(nowSeconds - 3 * day)
    expect(keep(folder, 1)).toBe('1')
    const old = makeRepository([{ daysAgo: 0, databaseId: 2 }])
    expect(run(old, "newest_physical_time '*F'")).toBe('0')
  })
})
