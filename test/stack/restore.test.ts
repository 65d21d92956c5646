import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { silent } from '#src/progress.js'
import { readContents } from '#src/stack/restore/database.js'
import { restoreSet } from '#src/stack/restore/restore.js'
import { type Contents, listBackups } from '#src/stack/sets/backup-sets.js'
import type { Stack } from '#src/stack/stack.js'
import { openStack } from '#src/stack/stack.js'
import { describeWithEngine } from '../docker/sandbox.js'
import { StackSandbox } from './stack-sandbox.js'
import { dryCommands, expectNothingChanges } from './support/dry-runs.js'
import { expectWhole, killMove } from './support/killed-move.js'

const database = 'claude_agents_auth'

await describeWithEngine('simdgres restore', () => {
  let sandbox: StackSandbox
  let stack: Stack
  let recorded: Contents

  beforeAll(async () => {
    sandbox = await StackSandbox.create()
    await sandbox.up()
    stack = await sandbox.open()
    await stack.query(`
      INSERT INTO enhanced_learning.shadowgit_events (repository, commit_hash, kind)
        SELECT 'r' || n, rpad(md5(n::text), 40, '0'), 'commit' FROM generate_series(1, 500) AS n;
      CREATE ROLE reports LOGIN PASSWORD 'not in any dump';
      GRANT pg_read_all_stats TO reports;
      CREATE TABLE app.items (id bigserial PRIMARY KEY, embedding vector(16), half halfvec(4), bytes bytea, at timestamptz, price numeric, note text);
      INSERT INTO app.items (embedding, half, bytes, at, price, note)
        SELECT array_agg(random())::vector, '[1,2,3,4]', decode(md5(n::text), 'hex'), now(), random() * 1e9, E'a\\nb\\t"' || n
        FROM generate_series(1, 300) AS n, generate_series(1, 16) GROUP BY n;
      CREATE INDEX ON app.items USING hnsw (embedding vector_l2_ops);
      CREATE MATERIALIZED VIEW app.summary AS SELECT count(*) AS items FROM app.items;
      INSERT INTO app.items (note) VALUES ('the view is older');
      CREATE MATERIALIZED VIEW app.later AS SELECT count(*) AS items FROM app.items WITH NO DATA;
      CREATE FUNCTION app.norm(v vector) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT -(v <#> v)';
      CREATE TABLE app.docs (id int PRIMARY KEY, e vector(3), changed timestamptz,
        n float8 GENERATED ALWAYS AS (app.norm(e)) STORED);
      CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.changed := now(); RETURN NEW; END';
      CREATE TRIGGER touch BEFORE UPDATE ON app.docs FOR EACH ROW
        WHEN (OLD.e IS DISTINCT FROM NEW.e) EXECUTE FUNCTION app.touch();
      INSERT INTO app.docs VALUES (1, '[1,2,3]');
      GRANT SELECT ON app.items TO reports;
      GRANT ALL ON ALL TABLES IN SCHEMA app TO app;
      ALTER DATABASE ${database} SET work_mem = '5MB'`)
    recorded = await contents(database)
    expect((await sandbox.cli('backup')).code).toBe(0)
  })
  afterAll(() => sandbox?.[Symbol.asyncDispose]())

  /** Without what always differs: the time it was taken at, and the name. */
  const contents = async (name: string): Promise<Contents> => {
    return { ...(await readContents(stack, name)), takenAt: '', database: '' }
  }
  const listDatabases = async (): Promise<string[]> => {
    const rows = await stack.query(
      "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres' ORDER BY 1",
    )
    return rows.map(([name]) => name!)
  }

  test('says what it would do, and does nothing without a confirmation', async () => {
    const dryRun = await sandbox.cli('restore', '--dry-run')
    expect(dryRun.code).toBe(0)
    expect(dryRun.stdout).toContain(`place of the database ${database}`)
    const refused = await sandbox.cli('restore')
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain('--yes')
    expect(await listDatabases()).toEqual([database])
  })

  test.each(dryCommands.map(({ name }) => name))(
    '%s --dry-run changes nothing, whatever else is given',
    (name) => expectNothingChanges(sandbox, name),
  )

  test('brings back the same rows, hashes, sequences, roles and settings while clients wait in the pool', async () => {
    await stack.query(`
      UPDATE app.items SET note = 'overwritten' WHERE id = 7;
      DELETE FROM enhanced_learning.shadowgit_events WHERE repository LIKE 'r1%';
      DROP MATERIALIZED VIEW app.summary;
      DROP OWNED BY reports; DROP ROLE reports;
      ALTER DATABASE ${database} RESET work_mem`)
    expect(await contents(database)).not.toEqual(recorded)
    const client = await askAllTheTime(sandbox)
    const { code, stdout } = await sandbox.cli('restore', '--yes', '--json')
    const asked = await client.stop()
    expect(code).toBe(0)
    expect(asked.failures).toEqual([])
    // It was asked before and after, and has seen both.
    expect(asked.answers).toEqual(['overwritten', expect.stringMatching(/^a\nb\t"/)])

    expect(await contents(database)).toEqual(recorded)
    const { kept } = JSON.parse(stdout) as { kept: string }
    expect(await listDatabases()).toEqual([database, kept])
    expect(await stack.query('SELECT note FROM app.items WHERE id = 7', { database: kept })).toEqual([
      ['overwritten'],
    ])
    expect(await sandbox.query('SHOW work_mem')).toEqual([{ work_mem: '5MB' }])
    const roles = `SELECT rolcanlogin, rolpassword IS NULL, pg_has_role('reports', 'pg_read_all_stats', 'MEMBER'),
      has_table_privilege('reports', 'app.items', 'SELECT') FROM pg_authid WHERE rolname = 'reports'`
    expect(await stack.query(roles)).toEqual([['t', 't', 't', 't']])
    const indexes = "SELECT count(*) FROM pg_index WHERE indrelid = 'app.items'::regclass AND indisvalid"
    expect(await stack.query(indexes)).toEqual([['2']])
    await stack.query("UPDATE app.docs SET e = '[2,2,2]'")
    expect(await stack.query('SELECT n, changed IS NOT NULL FROM app.docs')).toEqual([['12', 't']])
    expect(await stack.query('SELECT items FROM app.summary')).toEqual([['301']])
    expect(await stack.query("SELECT relispopulated FROM pg_class WHERE relname = 'later'")).toEqual([['f']])
    await stack.query("UPDATE app.docs SET e = '[1,2,3]', changed = NULL")
  })

  test('a restore that is stopped before the swap leaves no database', async () => {
    const before = await listDatabases()
    const controller = new AbortController()
    const { folder, project } = sandbox
    const progress = {
      ...silent,
      note: (message: string): void => {
        if (message.includes('in the place of')) controller.abort('SIGINT')
      },
    }
    const stopped = await openStack({ folder, project, progress, signal: controller.signal })
    await expect(restoreSet(stopped, {})).rejects.toThrow(/aborted/)
    expect(await listDatabases()).toEqual(before)
  })

  test('--drop-old removes what was kept, and what killed restores have left, once it is confirmed', async () => {
    for (const left of [`${database}_restored_20260101_000000_000`, 'restore_test_20260101_000000_000']) {
      await stack.query(`CREATE DATABASE ${left}`, { database: 'postgres' })
    }
    const before = await listDatabases()
    expect(before).toHaveLength(4)
    expect((await sandbox.cli('restore', '--drop-old')).code).toBe(2)
    expect(await listDatabases()).toEqual(before)
    expect((await sandbox.cli('restore', '--drop-old', '--yes')).code).toBe(0)
    expect(await listDatabases()).toEqual([database])
  })

  test('a client idle in transaction costs no restored database: --resume swaps it, --force ends the client', async () => {
    const client = await sandbox.connect()
    try {
      await client.query('BEGIN')
      await client.query('SELECT 1')
      const held = await sandbox.cli('restore', '--yes', '--pause-limit', '1')
      expect(held.code).toBe(3)
      expect(held.stderr).toMatch(/app of claude_agents_auth for \d+ s \(idle in transaction\)/)
      expect(held.stderr).toContain('restore --resume')
      expect((await listDatabases())[1]).toMatch(/^claude_agents_auth_ready_/)

      const args = ['--resume', '--pause-limit', '1', '--force', '--yes']
      const resumed = await sandbox.cli('restore', ...args)
      expect(resumed).toMatchObject({ code: 0 })
      expect(resumed.stderr).toMatch(/ended the session of app of claude_agents_auth for \d+ s \(idle/)
      await expect(client.query('SELECT 1')).rejects.toThrow()
    } finally {
      await client.end()
    }
    expect(await contents(database)).toEqual(recorded)
    expect(await sandbox.query('SHOW idle_in_transaction_session_timeout')).toEqual([
      { idle_in_transaction_session_timeout: '10min' },
    ])
    expect((await sandbox.cli('restore', '--resume', '--yes')).code).toBe(3)
    expect((await sandbox.cli('restore', '--drop-old', '--yes')).code).toBe(0)
    expect(await listDatabases()).toEqual([database])
  })

  test('a restore that is killed in the swap is repaired, and what it has verified waits for --resume', async () => {
    await killMove(sandbox, { kind: 'swap', step: 'rename both databases' })
    expect(await sandbox.cli('repair')).toMatchObject({ code: 0 })
    await expectWhole(sandbox)
    expect(await contents(database)).toEqual(recorded)
    expect(await sandbox.cli('restore', '--resume', '--dry-run')).toMatchObject({ code: 0 })
    expect(await sandbox.cli('restore', '--drop-old', '--yes')).toMatchObject({ code: 0 })
  })

  test('--into restores beside the database in use, and never over one that exists', async () => {
    expect((await sandbox.cli('restore', '--into', 'look_at_it')).code).toBe(0)
    expect(await contents('look_at_it')).toEqual(recorded)
    const refused = await sandbox.cli('restore', '--into', 'look_at_it')
    expect(refused.code).toBe(2)
    expect(await listDatabases()).toEqual([database, 'look_at_it'])
    await stack.query('DROP DATABASE look_at_it', { database: 'postgres' })
  })

  test('verify --restore-test proves a set and leaves nothing', async () => {
    // A role of the set that was dropped since: it is not to come back.
    await stack.query('ALTER ROLE reports RENAME TO reports_of_today')
    const surroundings = async () => [
      await stack.query('SELECT rolname FROM pg_roles ORDER BY 1'),
      await stack.listVolumes(),
      await sandbox.containerIds(),
    ]
    const before = await surroundings()
    const { code, stdout } = await sandbox.cli('verify', '--restore-test')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^restored /m)
    expect(await listDatabases()).toEqual([database])
    expect(await surroundings()).toEqual(before)
    await stack.query('ALTER ROLE reports_of_today RENAME TO reports')
  })

  test('a set that does not give what was recorded is refused, and the database in use stays', async () => {
    const [set] = await listBackups(stack)
    const change = `cd /backups/logical/${set!.name}
      sed -i -E 's/("hash": "[^"]*", "name": "app.items", "rows": )301/\\1302/' contents.json
      sha256sum contents.json database.dump globals.sql > SHA256SUMS`
    expect((await stack.exec('postgres', ['bash', '-euc', change])).exitCode).toBe(0)
    expect((await sandbox.cli('verify')).code).toBe(0)
    const { code, stderr } = await sandbox.cli('restore', '--yes')
    expect(code).toBe(1)
    expect(stderr).toContain('table app.items has 301 rows in place of 302')
    expect(await listDatabases()).toEqual([database])
    expect(await contents(database)).toEqual(recorded)
  })

  test('a backup with the database stopped fails and leaves nothing', async () => {
    const before = await listBackups(stack)
    await stack.stopService('postgres')
    const { code, stderr } = await sandbox.cli('backup', '--keep', '1')
    expect(code).toBe(3)
    expect(stderr).toContain('simdgres up')
    const list = await sandbox.cli('backup', '--list', '--json')
    expect(JSON.parse(list.stdout)).toEqual(before)
    await sandbox.up()
    const folder = await stack.exec('postgres', ['ls', '-A', '/backups/logical'])
    expect(folder.stdout.trim().split('\n')).toEqual(before.map(({ name }) => name))
  })
})

/** A client that asks the pool over and over; what it has seen, without repetitions, and what has failed. */
async function askAllTheTime(sandbox: StackSandbox) {
  const client = await sandbox.connect()
  const answers: string[] = []
  const failures: string[] = []
  let isStopping = false
  const asking = (async () => {
    while (!isStopping) {
      try {
        const { rows } = await client.query<{ note: string }>('SELECT note FROM app.items WHERE id = 7')
        if (rows[0]!.note !== answers.at(-1)) answers.push(rows[0]!.note)
      } catch (error) {
        failures.push(String(error))
      }
      await sleep(10)
    }
  })()
  while (answers.length === 0 && failures.length === 0) await sleep(10)
  return {
    stop: async () => {
      isStopping = true
      await asking
      await client.end()
      return { answers, failures }
    },
  }
}
