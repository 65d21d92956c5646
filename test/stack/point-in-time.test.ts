import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readContents } from '#src/stack/restore/database.js'
import { listBackups } from '#src/stack/sets/backup-sets.js'
import type { Stack } from '#src/stack/stack.js'
import { describeWithEngine } from '../docker/sandbox.js'
import { StackSandbox } from './stack-sandbox.js'
import { killMove } from './support/killed-move.js'
import { until } from './until.js'

await describeWithEngine('restore to a point in time', () => {
  let sandbox: StackSandbox

  beforeAll(async () => {
    sandbox = await StackSandbox.create()
    await sandbox.up({ profiles: ['backup'] })
    await sandbox.query('CREATE TABLE app.steps (n integer PRIMARY KEY)')
    await (await sandbox.open()).query(`
      CREATE TABLE app.kernels (id integer PRIMARY KEY, e vector(100));
      INSERT INTO app.kernels SELECT i, (SELECT array_agg(random()) FROM generate_series(1, 100) WHERE i > 0)::real[]::vector
        FROM generate_series(1, 300) AS i;
      CREATE INDEX by_distance ON app.kernels (simd_l2_distance(e, '[${Array.from({ length: 100 }, (_, index) => index / 100).join(',')}]'))`)
  })
  afterAll(() => sandbox?.[Symbol.asyncDispose]())

  /** As a later command finds it: a restore changes the settings. */
  const open = (): Promise<Stack> => sandbox.open()
  const readSteps = async (): Promise<unknown[]> =>
    (await sandbox.query('SELECT n FROM app.steps ORDER BY n')).map(({ n }) => n)
  /** The server's time, with a moment before and after it in which nothing happens. */
  const readTime = async (): Promise<string> => {
    await sleep(1100)
    const [row] = await sandbox.query(
      `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS time`,
    )
    await sleep(100)
    return String(row!['time'])
  }
  let middle: string
  /** Nothing is committed between it and the restore to `middle`. */
  let abandoned: string

  test('the schedule makes a backup of each kind by itself', async () => {
    const stack = await open()
    const kinds = async () => (await listBackups(stack)).map(({ kind }) => kind).sort()
    while ((await kinds()).length < 2) await sleep(1000)
    expect(await kinds()).toEqual(['full', 'logical'])
    await stack.waitUntilHealthy('backup')
  })

  test('gives exactly the rows of that time, and keeps the server that was in use', async () => {
    await sandbox.query('INSERT INTO app.steps SELECT generate_series(1, 10)')
    middle = await readTime()
    await sandbox.query('INSERT INTO app.steps SELECT generate_series(11, 30)')
    await sandbox.query('DELETE FROM app.steps WHERE n < 5')
    abandoned = await readTime()
    // Of what the restore abandons: no later restore may begin with it.
    expect((await sandbox.cli('backup', '--physical', '--type', 'diff')).code).toBe(0)
    const before = await open()
    const refused = await sandbox.cli('restore', '--to', middle)
    expect(refused.code).toBe(2)
    expect(await readSteps()).toHaveLength(26)

    const { code, stdout } = await sandbox.cli('restore', '--to', middle, '--yes', '--json')
    expect(code).toBe(0)
    expect(await readSteps()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    const result = JSON.parse(stdout) as { kept: string; volume: string; primary: string }
    expect(result).toMatchObject({ kept: 'postgres_data', primary: 'postgres-green' })
    const after = await open()
    expect(after.primary).toBe('postgres-green')
    expect(await after.listVolumes()).toEqual(expect.arrayContaining([result.kept, result.volume]))
    expect(await after.findContainer(before.primary)).toBeUndefined()
    expect(await after.findContainer('postgres-restore')).toBeUndefined()
    expect(await after.query("SELECT 1 FROM pg_extension WHERE extname = 'amcheck'")).toEqual([])
  })

  test('a second restore waits until the kept server is dropped', async () => {
    const refused = await sandbox.cli('restore', '--to', middle, '--yes')
    expect(refused.code).toBe(5)
    expect(refused.stderr).toContain('still kept')
    expect((await sandbox.cli('restore', '--drop-old')).code).toBe(2)
    expect((await sandbox.cli('restore', '--drop-old', '--yes')).code).toBe(0)
    expect(await (await open()).listVolumes()).not.toContain('postgres_data')
    expect(await readSteps()).toHaveLength(10)
  })

  test('the restored server can be restored in its turn, also where the swap has to be resumed', async () => {
    await sandbox.up()
    await sandbox.query('INSERT INTO app.steps VALUES (100)')
    const time = await readTime()
    await sandbox.query('TRUNCATE app.steps')
    const client = await sandbox.connect()
    await client.query('BEGIN; SELECT 1')
    const held = await sandbox.cli('restore', '--to', time, '--yes', '--pause-limit', '1')
    await client.end()
    expect(held.code).toBe(3)
    expect(held.stderr).toContain('The restored server is verified, and kept')
    expect(await readSteps()).toEqual([])
    expect((await sandbox.cli('restore', '--resume', '--yes')).code).toBe(0)
    expect((await open()).settings['STACK_RESTORED_VOLUME']).toBeUndefined()
    expect(await readSteps()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 100])
    expect((await open()).primary).toBe('postgres')
    expect((await sandbox.cli('restore', '--drop-old', '--yes')).code).toBe(0)
  })

  test('a time that a restore has abandoned gives the rows of that time, on another processor too', async () => {
    await (await open()).updateSettings({ SIMDGRES_ISA: 'scalar' })
    const { code, stderr } = await sandbox.cli('restore', '--to', abandoned, '--yes')
    expect([code, stderr]).toEqual([0, expect.stringContaining('rebuilding the index app.by_distance')])
    expect(await readSteps()).toEqual(Array.from({ length: 26 }, (_, index) => index + 5))
    expect((await sandbox.cli('restore', '--drop-old', '--yes')).code).toBe(0)
  })

  test('backups go on with the restored server, whose log is archived without a failure', async () => {
    await sandbox.up()
    expect((await sandbox.cli('backup', '--physical', '--type', 'diff')).code).toBe(0)
    const archiver = await (await open()).query('SELECT failed_count FROM pg_stat_archiver')
    expect(archiver).toEqual([['0']])
  })

  describe('on another machine, with the backups of this one and secrets of its own', () => {
    let other: StackSandbox
    let time: string
    beforeAll(async () => {
      await sandbox.query('INSERT INTO app.steps VALUES (200)')
      time = await readTime()
      await sandbox.query('INSERT INTO app.steps VALUES (201)')
      expect((await sandbox.cli('backup', '--physical', '--type', 'diff')).code).toBe(0)
      other = await StackSandbox.create()
      await other.up()
      await copyRepository(await open(), await other.open())
    })
    afterAll(() => other?.[Symbol.asyncDispose]())

    const readOther = async (): Promise<unknown[]> =>
      (await other.query('SELECT n FROM app.steps WHERE n >= 200 ORDER BY n')).map(({ n }) => n)

    test('replaces the empty server, whose log does not belong to the archive', async () => {
      const { code, stderr } = await other.cli('restore', '--to', time, '--yes')
      expect(stderr).toContain('does not hand over its log')
      expect(code).toBe(0)
      expect(await readOther()).toEqual([200])
      expect((await other.up()).services).toMatchObject({ 'postgres-green': 'unchanged' })
    })

    test('replaces a server beyond repair, with the pool gone and after an attempt that was killed', async () => {
      expect((await other.cli('restore', '--drop-old', '--yes')).code).toBe(0)
      await other.query('INSERT INTO app.steps VALUES (202)')
      expect((await other.cli('backup', '--physical', '--type', 'diff')).code).toBe(0)
      const stack = await other.open()
      await stack.removeService('pgbouncer')
      await stack.stopService(stack.primary)
      const destroy = await stack.runOneShot(['sh', '-c', 'rm "$PGDATA/global/pg_control"'], {
        service: 'postgres',
      })
      expect(destroy.exitCode).toBe(0)
      await stack.updateSettings({ STACK_NEXT_VOLUME: 'postgres_data_8' })
      await stack.applyService('postgres', {
        name: 'postgres-restore',
        volumes: { postgres_data: 'postgres_data_8' },
        command: ['sleep', '600'],
      })

      expect(await other.cli('restore', '--to', 'latest', '--yes')).toMatchObject({ code: 0 })
      expect(await readOther()).toEqual([200, 202])
      const after = await other.open()
      expect(after.primary).toBe('postgres')
      expect(after.settings['STACK_NEXT_VOLUME']).toBeUndefined()
      expect(await after.listVolumes()).not.toContain('postgres_data_8')
    }, 900_000)
  })

  test.each([
    ['before the first backup', '2020-01-01T00:00:00Z', 3],
    ['that has not come yet', '2099-01-01T00:00:00Z', 2],
  ])('a time %s is refused; nothing is left and the server stays', async (_, time, exitCode) => {
    const stack = await open()
    const volumes = await stack.listVolumes()
    const rows = await readSteps()
    expect((await sandbox.cli('restore', '--to', time, '--yes')).code).toBe(exitCode)
    expect(await stack.listVolumes()).toEqual(volumes)
    expect(await stack.findContainer('postgres-restore')).toBeUndefined()
    expect(await readSteps()).toEqual(rows)
    expect((await open()).primary).toBe(stack.primary)
  })

  test('verify detects a flipped byte of a physical backup', async () => {
    expect((await sandbox.cli('verify')).code).toBe(0)
    const stack = await open()
    const flip = `file=$(find /backups/pgbackrest/backup/simdgres/*F/pg_data/base -name '*.zst' -size +8k | head -n 1)
      b=$(od -An -tu1 -j2000 -N1 "$file"); printf "\\\\x$(printf %x $((b ^ 1)))" | dd of="$file" bs=1 seek=2000 conv=notrunc status=none
      echo "$file"`
    const { stdout, exitCode } = await stack.exec(stack.primary, ['bash', '-euc', flip])
    expect(exitCode).toBe(0)
    const { code, stderr } = await sandbox.cli('verify')
    expect(code).toBe(4)
    expect(stderr).toContain(stdout.trim().split('/')[5]!)
  })

  test('a lost machine is restored from the second repository, by a new one that has its passphrase alone', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'simdgres-second-'))
    const settings = { BACKUP_REPOSITORY2_PATH: join(folder, 'backups') }
    const passphrase = join(sandbox.folder, 'secrets/repository2_passphrase')
    try {
      await sandbox.up({ settings })
      await sandbox.query('INSERT INTO app.steps SELECT generate_series(300, 400)')
      const stack = await open()
      const isMade = async () =>
        (await stack.exec(stack.primary, ['test', '-e', '/backups/repository2-made'])).exitCode === 0
      await until(isMade, 60_000, 'the schedule has made a backup in the second repository')
      await sandbox.query('INSERT INTO app.steps VALUES (401)')
      const rows = await readContents(stack, 'claude_agents_auth')
      // What was written since the backup is in the log alone.
      await handOverLog()
      const kept = await readFile(passphrase, 'utf8')
      expect(await sandbox.cli('down', '--volumes', '--yes')).toMatchObject({ code: 0 })
      await rm(sandbox.folder, { recursive: true })

      await mkdir(join(sandbox.folder, 'secrets'), { recursive: true, mode: 0o700 })
      await writeFile(passphrase, `${kept}\n`, { mode: 0o600 })
      await sandbox.up({ settings })
      expect((await sandbox.cli('restore', '--to', 'latest', '--yes')).stderr).toContain('--repository 2')
      // Kept in between, and killed: it still knows where it came from, and that the first repository is to get a backup.
      const holder = await sandbox.connect()
      await holder.query('BEGIN; SELECT 1')
      const args = ['--to', 'latest', '--repository', '2', '--pause-limit', '1', '--yes']
      const held = await sandbox.cli('restore', ...args)
      expect([held.code, held.stderr]).toEqual([3, expect.stringContaining('restore --resume')])
      await holder.end()
      await killMove(sandbox, { kind: 'restore', step: 'let clients go on', isResumed: true })
      const repaired = await sandbox.cli('repair')
      expect(repaired).toMatchObject({ code: 0, stderr: expect.not.stringContaining('no backup') as string })
      expect({ ...(await readContents(await open(), 'claude_agents_auth')), takenAt: '' }).toEqual({
        ...rows,
        takenAt: '',
      })
      // The archive and both repositories go on with it.
      expect(await handOverLog()).toEqual([['0']])
      const verified = await sandbox.cli('verify')
      expect([verified.code, verified.stdout]).toEqual([0, expect.stringMatching(/F .second repository.$/m)])
      expect((await listBackups(await open())).map(({ kind }) => kind)).toEqual(['full'])
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })

  /** Waits until the archive has all of the log. Resolves to how often it has failed. */
  const handOverLog = async () => {
    const stack = await open()
    const [row] = await stack.query('SELECT pg_walfile_name(pg_switch_wal())')
    const arrived = `SELECT last_archived_wal >= '${row![0]}' FROM pg_stat_archiver`
    const isArchived = async () => (await stack.query(arrived))[0]![0] === 't'
    await until(isArchived, 30_000, 'the log is in the archive')
    return stack.query('SELECT failed_count FROM pg_stat_archiver')
  }
})

/** As a copy to the new machine would. */
async function copyRepository(from: Stack, to: Stack): Promise<void> {
  const channel = new PassThrough()
  // An archive ends before its padding does: who stops reading there breaks the pipe for the writer.
  const unpack = 'tar -C /backups -xf - && cat >/dev/null'
  const [packed, unpacked] = await Promise.all([
    from.exec(from.primary, ['tar', '-C', '/backups', '-cf', '-', 'pgbackrest'], { output: channel }),
    to.exec(to.primary, ['sh', '-c', unpack], { stdin: channel }),
  ])
  expect([packed.exitCode, unpacked.exitCode, unpacked.stderr]).toEqual([0, 0, ''])
}
