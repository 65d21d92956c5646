import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { silent } from '../../src/datasets/dataset.js'
import { openStack } from '../../src/stack/open.js'
import { clearMoveRemains } from '../../src/stack/replication-remains.js'
import { switchOver } from '../../src/stack/switchover.js'
import { upgradeStack } from '../../src/stack/upgrade.js'
import { dropOldServer, rollBackUpgrade } from '../../src/stack/upgrade-rollback.js'
import { readUpgradeState } from '../../src/stack/upgrade-state.js'
import { ensureMajorImage } from '../../src/stack/upgrade-target.js'
import { describeWithEngine } from '../docker/sandbox.js'
import { Load, readLoad } from './load.js'
import { openStacks, replaceMethods } from './moves.js'
import { StackSandbox } from './stack-sandbox.js'
import { until } from './until.js'

const limits = { pauseLimitMs: 10_000, syncLimitMs: 120_000 }
const logical = { ...limits, toMajor: '18', method: 'logical' as const }
const clients = 8

await describeWithEngine('upgrade', () => {
  let sandbox: StackSandbox
  beforeAll(async () => {
    sandbox = await StackSandbox.create()
    await sandbox.up()
    const stack = await sandbox.open()
    await ensureMajorImage(stack, '18')
    const archive = ['pgbackrest', '--stanza=simdgres', '--no-online', 'stanza-create']
    expect(await stack.exec('postgres', archive)).toMatchObject({ exitCode: 0 })
    await stack.query(`
      SELECT enhanced_learning.load_sample_events(3000, now() - interval '20 days');
      CREATE ROLE reader LOGIN PASSWORD 'of the test';
      GRANT app TO reader;
      CREATE SCHEMA special AUTHORIZATION app;
      CREATE TABLE special."Without key" (a integer, b text);
      INSERT INTO special."Without key" SELECT i, 'row ' || i FROM generate_series(1, 1000) i;
      CREATE SEQUENCE special.never_used START 7;
      CREATE SEQUENCE special.downwards INCREMENT -5 MINVALUE -1000000 MAXVALUE 0 START 0;
      SELECT nextval('special.downwards'), nextval('special.downwards');
      CREATE MATERIALIZED VIEW special.totals AS SELECT count(*) AS n FROM special."Without key";
      ALTER SCHEMA special OWNER TO app;
      ALTER TABLE special."Without key" OWNER TO app;
      COMMENT ON DATABASE claude_agents_auth IS 'kept'`)
  }, 1_800_000)
  afterAll(() => sandbox?.[Symbol.asyncDispose]())

  const ask = async (sql: string, service?: string) =>
    (await sandbox.open()).query(sql, service === undefined ? {} : { service })
  const readMajor = async (): Promise<string> => {
    const [row] = await sandbox.query(
      "SELECT current_setting('server_version_num')::integer / 10000 AS major",
    )
    return String(row!['major'])
  }
  const sequences = `SELECT schemaname, sequencename, last_value FROM pg_sequences
                     WHERE schemaname = 'special' ORDER BY 2`
  const identity = `SELECT relreplident FROM pg_class WHERE relname = 'Without key'`

  /** Roles with their verifiers and memberships, rights on databases and schemas, extensions. */
  const surroundings = async (): Promise<unknown> => [
    await ask(
      'SELECT rolname, rolsuper, rolcanlogin, rolconnlimit, rolpassword FROM pg_authid WHERE oid >= 16384 ORDER BY 1',
    ),
    await ask(
      "SELECT datname, datconnlimit, pg_get_userbyid(datdba), shobj_description(oid, 'pg_database') FROM pg_database ORDER BY 1",
    ),
    await ask('SELECT extname FROM pg_extension ORDER BY 1'),
    await ask(
      "SELECT has_database_privilege('pooler', current_database(), 'CONNECT'), pg_has_role('reader', 'app', 'MEMBER'), pg_has_role('replication', 'pg_read_all_data', 'MEMBER')",
    ),
  ]

  test('goes back where the schema is changed meanwhile; clients notice nothing', async () => {
    const before = await surroundings()
    const load = await Load.start(sandbox, clients)
    const stacks = await openStacks(sandbox)
    const stack = replaceMethods(stacks.stack, {
      query: async (sql, options) => {
        if (sql === 'ANALYZE' && options?.database === 'claude_agents_auth') {
          await stacks.stack.query('CREATE TABLE app.late (a integer PRIMARY KEY)')
        }
        return stacks.stack.query(sql, options)
      },
    })
    await expect(upgradeStack({ ...stacks, stack }, logical)).rejects.toThrow(
      /schema of claude_agents_auth was changed/,
    )
    await load.reach(load.commits + 500)
    const { commits, failures } = await load.stop()
    expect(failures).toEqual([])
    expect(await readLoad(sandbox)).toEqual({ rows: commits, balance: commits })
    expect(await readMajor()).toBe('17')
    expect(await ask('SELECT slot_name FROM pg_replication_slots')).toEqual([])
    expect(
      await ask('SELECT pubname FROM pg_publication UNION ALL SELECT subname FROM pg_subscription'),
    ).toEqual([])
    expect(await ask(identity)).toEqual([['d']])
    expect(await surroundings()).toEqual(before)
    expect(await (await sandbox.open()).listVolumes()).not.toContain('postgres_data_2')
  })

  test('undoes what a killed attempt has left, the fence and the pause included', async () => {
    const before = await surroundings()
    await Load.start(sandbox, 1).then((load) => load.stop())
    const stacks = await openStacks(sandbox)
    let isKilled = false
    const methods = [
      'updateSettings',
      'repointPool',
      'poolerAdmin',
      'query',
      'exec',
      'removeService',
      'container',
    ] as const
    const steady = replaceMethods(
      stacks.steady,
      Object.fromEntries(
        methods.map((name) => [
          name,
          async (...args: unknown[]) => {
            isKilled ||= name === 'updateSettings' && 'PG_MAJOR' in (args[0] as object)
            if (isKilled) throw new Error('killed')
            return Reflect.apply(stacks.steady[name] as (...all: unknown[]) => unknown, stacks.steady, args)
          },
        ]),
      ),
    )
    await expect(upgradeStack({ ...stacks, steady }, logical)).rejects.toThrow('killed')
    expect(await ask("SELECT datconnlimit FROM pg_database WHERE datname = 'claude_agents_auth'")).toEqual([
      ['0'],
    ])

    await clearMoveRemains(await sandbox.open())
    expect((await readLoad(sandbox)).rows).toBeGreaterThan(0)
    expect(await surroundings()).toEqual(before)
    expect(await ask('SELECT slot_name FROM pg_replication_slots')).toEqual([])
    expect(await ask(identity)).toEqual([['d']])
    expect(await (await sandbox.open()).listVolumes()).not.toContain('postgres_data_2')
  })

  test('moves from 17 to 18 under load: none of 20,000 transactions fails, nothing is lost', async ({
    annotate,
  }) => {
    const before = await surroundings()
    const oldSequences = await ask(sequences)
    const load = await Load.start(sandbox, clients)
    await load.reach(5000)
    const report = await upgradeStack(await openStacks(sandbox), logical)
    await load.reach(Math.max(20_000, load.commits + 5000))
    const { commits, failures, longestMs } = await load.stop()
    await annotate(JSON.stringify({ ...report, commits, longestMs }))

    expect(failures).toEqual([])
    expect(report.pauseMs).toBeLessThanOrEqual(2000)
    expect(commits).toBeGreaterThanOrEqual(20_000)
    expect(await readLoad(sandbox)).toEqual({ rows: commits, balance: commits })
    expect(await readMajor()).toBe('18')
    expect(report).toMatchObject({ fromMajor: '17', toMajor: '18', from: 'postgres', to: 'postgres-green' })
    expect(report.rows).toBeGreaterThan(8000)
    expect(await ask(sequences)).toEqual(oldSequences)
    // No number was given twice: the column is a primary key, and its default went on after the last one.
    expect(
      await ask('SELECT max(id) <= (SELECT last_value FROM app.load_rows_id_seq) FROM app.load_rows'),
    ).toEqual([['t']])
    const after = (await surroundings()) as unknown[][][]
    expect(after.slice(0, 3)).toEqual((before as unknown[][][]).slice(0, 3))
    expect(await ask('SELECT n FROM special.totals')).toEqual([['1000']])
    expect((await sandbox.open()).settings['PG_MAJOR']).toBe('18')
    expect((await sandbox.up()).services['postgres-green']).toBe('unchanged')
  })

  /** The log that was finished last is in the archive, and the one before it did not fail. */
  const expectArchiving = async (): Promise<void> => {
    await ask('SELECT pg_stat_reset_shared($$archiver$$)')
    await ask('CREATE TABLE pg_temp.some AS SELECT 1; SELECT pg_switch_wal()')
    const state = 'SELECT archived_count > 0, failed_count FROM pg_stat_archiver'
    for (let attempt = 0; attempt < 300 && (await ask(state))[0]?.[0] !== 't'; attempt++) await sleep(100)
    expect(await ask(state)).toEqual([['t', '0']])
  }

  test('the log archive takes the log of the new server', expectArchiving)

  test('the server before it follows, for nobody but the replication', async () => {
    await sandbox.query(`UPDATE special."Without key" SET b = 'changed on 18' WHERE a = 500`)
    const changed = `SELECT count(*) FROM special."Without key" WHERE b = 'changed on 18'`
    for (let attempt = 0; attempt < 100 && (await ask(changed, 'postgres'))[0]?.[0] !== '1'; attempt++) {
      await sleep(100)
    }
    expect(await ask(changed, 'postgres')).toEqual([['1']])
    expect(
      await ask("SELECT datconnlimit FROM pg_database WHERE datname = 'claude_agents_auth'", 'postgres'),
    ).toEqual([['0']])
    await expect(switchOver(await openStacks(sandbox), limits)).rejects.toThrow(/still kept/)
  })

  test('rolls back under load, with all that was written since', async ({ annotate }) => {
    // Takes the container of the server before along: it is made again.
    expect((await sandbox.cli('down')).code).toBe(0)
    await sandbox.up()
    const before = await readLoad(sandbox)
    const load = await Load.continue(sandbox, clients, 1_000_000)
    await load.reach(2000)
    const report = await rollBackUpgrade(await openStacks(sandbox), limits)
    await load.reach(load.commits + 2000)
    const { commits, failures, longestMs } = await load.stop()
    await annotate(JSON.stringify({ ...report, commits, longestMs }))

    expect(failures).toEqual([])
    const rows = before.rows + commits
    expect(await readLoad(sandbox)).toEqual({ rows, balance: rows })
    expect(await readMajor()).toBe('17')
    const stack = await sandbox.open()
    expect(stack.settings['PG_MAJOR']).toBe('17')
    expect(await ask(`SELECT b FROM special."Without key" WHERE a = 500`)).toEqual([['changed on 18']])
    expect(await ask(identity)).toEqual([['d']])
    expect(await ask('SELECT slot_name FROM pg_replication_slots')).toEqual([])
    expect(await dropOldServer(stack)).toEqual({ name: 'postgres-green', volume: 'postgres_data_2' })
    expect(await stack.listVolumes()).not.toContain('postgres_data_2')
  })

  test('the log archive takes the log of the old server again', expectArchiving)

  test('refuses what logical replication does not carry, and a version that is not newer', async () => {
    await ask('SELECT lo_create(4711)')
    await expect(upgradeStack(await openStacks(sandbox), logical)).rejects.toThrow(/1 large objects/)
    await expect(upgradeStack(await openStacks(sandbox), { ...logical, toMajor: '17' })).rejects.toThrow(
      /above 17/,
    )
  })

  test('Ctrl-C ends a dump; clients go on at the old server', async () => {
    const before = await readLoad(sandbox)
    const controller = new AbortController()
    const { folder, project } = sandbox
    const progress = {
      ...silent,
      step: (label: string): void => {
        if (label === 'copying databases') controller.abort('SIGINT')
      },
    }
    const stacks = await openStacks(sandbox)
    const stack = await openStack({ folder, project, progress, signal: controller.signal })
    await expect(upgradeStack({ ...stacks, stack }, { ...logical, method: 'dump' })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    })
    expect(await readMajor()).toBe('17')
    expect(await readLoad(sandbox)).toEqual(before)
    expect(await (await sandbox.open()).listVolumes()).toEqual(['backups', 'postgres_data'])
    const dumps = "SELECT count(*) FROM pg_stat_activity WHERE application_name IN ('pg_dump', 'pg_dumpall')"
    await until(async () => (await ask(dumps))[0]?.[0] === '0', 10_000, 'no dump goes on in the old server')
  })

  test('moves by a dump as well, large objects included, and keeps the old server as it was', async ({
    annotate,
  }) => {
    const before = await readLoad(sandbox)
    const report = await upgradeStack(await openStacks(sandbox), { ...logical, method: 'dump' })
    await annotate(JSON.stringify(report))
    expect(await readMajor()).toBe('18')
    expect(await readLoad(sandbox)).toEqual(before)
    expect(await ask('SELECT oid FROM pg_largeobject_metadata')).toEqual([['4711']])
    expect(await ask(sequences)).toEqual([
      ['special', 'downwards', '-5'],
      ['special', 'never_used', null],
    ])
    await sandbox.query('UPDATE app.load_accounts SET balance = balance')
    await expect(rollBackUpgrade(await openStacks(sandbox), limits)).rejects.toThrow(/made by a dump/)
    await dropOldServer(await sandbox.open())
  })

  test('the end by restore --drop-old leaves nothing of the replication', async () => {
    await using other = await StackSandbox.create()
    await other.up()
    await upgradeStack(await openStacks(other), logical)
    expect(await other.cli('restore', '--drop-old', '--yes')).toMatchObject({ code: 0 })
    const stack = await other.open()
    expect(stack.primary).toBe('postgres-green')
    const left = `SELECT slot_name FROM pg_replication_slots UNION ALL SELECT pubname FROM pg_publication
      UNION ALL SELECT subname FROM pg_subscription
      UNION ALL SELECT 'rights' WHERE pg_has_role('replication', 'pg_read_all_data', 'MEMBER')`
    expect(await stack.query(left)).toEqual([])
    expect(await readUpgradeState(stack)).toBeUndefined()
    expect(await stack.listVolumes()).toEqual(['backups', 'postgres_data_2'])
  })

  test('switches over on the new version', async () => {
    const before = await readLoad(sandbox)
    const { to } = await switchOver(await openStacks(sandbox), limits)
    expect((await sandbox.open()).primary).toBe(to)
    expect(await readLoad(sandbox)).toEqual(before)
    expect(await readMajor()).toBe('18')
  })
})
