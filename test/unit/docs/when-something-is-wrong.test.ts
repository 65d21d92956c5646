import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../../..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

/** By command of the page, the test that runs it on a stack in that state: its file, and words of its title. */
const proofs: Readonly<Record<string, readonly [file: string, title: string]>> = {
  'simdgres status': ['status', 'is green on a new stack'],
  'simdgres logs postgres': ['status', 'logs shows the lines of the service that is asked for'],
  'simdgres restore --drop-old --dry-run': ['restore', 'test.each(dryCommands'],
  'simdgres restore --drop-old --yes': ['restore', '--drop-old removes what was kept'],
  'simdgres backup --list': ['backup', 'makes a complete set that only its owner can read'],
  'simdgres up': ['up', 'a lost password of the superuser locks nobody out'],
  'simdgres up --dry-run --set POSTGRES_PARAMETER_max_wal_size=1GB': [
    'up',
    'says in a dry run what it would do',
  ],
  'simdgres rotate --all': ['up', 'rotate replaces every password and certificate'],
  'simdgres rotate ca': ['up', 'rotate ca has two authorities trusted'],
  'simdgres rotate ca --finish': ['up', 'rotate ca has two authorities trusted'],
  'simdgres up --project simdgres --set STACK_PRIMARY_VOLUME=postgres_data': [
    'up',
    'takes the data of a lost folder over',
  ],
  'simdgres repair --dry-run': ['restore', 'test.each(dryCommands'],
  'simdgres repair': ['exchange', 'is repaired after SIGKILL'],
  'simdgres restore --resume --yes': ['restore', '--resume swaps it'],
  'simdgres verify': ['backup', 'detects a flipped byte of any file'],
  'simdgres restore --to latest --yes': ['point-in-time', "'latest'"],
  'simdgres restore --yes': ['restore', 'brings back the same rows'],
  'simdgres up --profile backup': ['point-in-time', 'the schedule makes a backup of each kind by itself'],
  'simdgres verify --restore-test': ['restore', 'verify --restore-test proves a set'],
  'simdgres up --set BACKUP_REPOSITORY2_PATH=/mnt/elsewhere/simdgres': [
    'point-in-time',
    'a lost machine is restored from the second repository',
  ],
  'simdgres restore --to latest --repository 2 --yes': ['point-in-time', "'--repository', '2'"],
  'simdgres rotate certificate': ['up', 'rotate replaces every password and certificate'],
  'simdgres backup': ['backup', 'makes a complete set that only its owner can read'],
  'simdgres backup --physical': ['point-in-time', "'--physical'"],
}

test('each command of the page is run by a test of a stack', () => {
  const fences = [...read('docs/when-something-is-wrong.md').matchAll(/^```sh\n(.*?)^```/gms)]
  const lines = fences.flatMap(([, body]) => body!.trim().split('\n'))
  expect([...new Set(lines)].sort()).toEqual(Object.keys(proofs).sort())
  for (const [file, title] of Object.values(proofs)) {
    expect(read(`test/stack/${file}.test.ts`), file).toContain(title)
  }
})
