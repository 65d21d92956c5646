import { describe, expect, test } from 'vitest'
import { chooseBackup, parseTimelines, timelineAt } from '#src/stack/restore/timelines.js'
import type { PhysicalBackup } from '#src/stack/sets/backup-sets.js'

const hour = (hours: number): number => Date.parse('2026-01-31T00:00:00Z') + hours * 3600_000
const seconds = (hours: number): number => hour(hours) / 1000

/** Timeline 3 is of a switchover that was taken back: it was never in use. */
const timelines = parseTimelines(`database 1
history 2 ${seconds(4)}
ancestor 1 0/5000000
history 3 ${seconds(6)}
ancestor 1 0/5000000
ancestor 2 0/7000000
history 4 ${seconds(8)}
ancestor 1 0/5000000
ancestor 2 0/8000000
use 2 2026-01-31T04:00:00Z
use 4 2026-01-31T08:00:00Z`)

const backup = (name: string, atHour: number, timeline: number, stopsAt: string): PhysicalBackup => ({
  kind: 'full',
  name,
  bytes: 1,
  takenAt: new Date(hour(atHour)).toISOString(),
  timeline,
  stopsAt,
  databaseId: 1,
})
const backups = [
  backup('B1', 1, 1, '0/4000000'),
  // After the time that the restore to timeline 2 went back to.
  backup('B2', 3, 1, '0/6000000'),
  backup('B4', 9, 4, '0/9000000'),
]
test('a repository that is younger than the timelines before it begins with that of its oldest backup', () => {
  const young = { ...timelines, uses: [] }
  expect(timelineAt(young, hour(9), [backup('B4', 9, 4, '0/9000000')])).toBe(4)
  expect(timelineAt(young, hour(9))).toBe(1)
})

const choose = (atHour: number, timeline = timelineAt(timelines, hour(atHour))): string =>
  chooseBackup(backups, timelines, timeline, hour(atHour)).name

describe('the timeline that was in use', () => {
  test.each([
    [2, 1],
    [3.5, 1],
    [5, 2],
    [7, 2],
    [8.5, 4],
  ])('%f hours after the first: %i', (atHour, timeline) => {
    expect(timelineAt(timelines, hour(atHour))).toBe(timeline)
  })

  test('is taken from the archive where no record was kept', () => {
    const old = parseTimelines(`database 1\nhistory 2 ${seconds(4)}\nancestor 1 0/5000000`)
    expect([timelineAt(old, hour(3)), timelineAt(old, hour(5))]).toEqual([1, 2])
  })
})

describe('the backup to begin with', () => {
  test.each([
    ['of its own timeline, though that was abandoned later', 3.5, 'B2'],
    ['before the fork, not the newer one of what was abandoned', 5, 'B1'],
    ['of the present timeline', 10, 'B4'],
  ])('is the newest %s', (_, atHour, name) => expect(choose(atHour)).toBe(name))

  test('is refused by name where it leads elsewhere, or was made by another version', () => {
    expect(() => chooseBackup([backups[1]!], timelines, 2, hour(5))).toThrow(/timeline 2.*B2 \(timeline 1\)/)
    const other = { ...backups[0]!, databaseId: 2 }
    expect(() => chooseBackup([other], timelines, 1, hour(2))).toThrow(/of another version/)
    expect(() => choose(0.5)).toThrow(/No physical backup was complete.*the oldest is of/)
  })
})
