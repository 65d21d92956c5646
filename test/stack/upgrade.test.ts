import { afterAll, beforeAll, expect, test } from 'vitest'
import { silent } from '#src/progress.js'
import type { Finding } from '#src/stack/checks/finding.js'
import { dropOldServer } from '#src/stack/move/previous.js'
import { clearMoveRemains } from '#src/stack/move/remains.js'
import { switchOver } from '#src/stack/move/switchover.js'
import { listPhysicalBackups } from '#src/stack/sets/backup-sets.js'
import { openStack } from '#src/stack/stack.js'
import { rollBackUpgrade } from '#src/stack/upgrade/rollback.js'
import { upgradeStack } from '#src/stack/upgrade/upgrade.js'
import { describeWithEngine } from '../docker/sandbox.js'
import { Load, readLoad } from './load.js'
import { clients, limits, replaceMethods, replaceSteadyMethods } from './moves.js'
import type { StackSandbox } from './stack-sandbox.js'
import { until } from './until.js'
import { createUpgradeSandbox, identity, logical, questionsTo, sequences } from './upgrade-sandbox.js'

await describeWithEngine('upgrade', () => {
  let sandbox: StackSandbox
  beforeAll(async () => {
    sandbox = await createUpgradeSandbox()
  }, 1_800_000)
  afterAll(() => sandbox?.[Symbol.asyncDispose]())
  const { ask, readMajor, surroundings } = questionsTo(() => sandbox)

  test('goes back where the schema is changed meanwhile; clients notice nothing', async () => {
    const before = await surroundings()
    const load = await Load.start(sandbox, clients, 20)
    const own = await sandbox.open()
    const stack = replaceMethods(own, {
      query: async (sql, options) => {
        if (sql === 'ANALYZE' && options?.database === 'claude_agents_auth') {
          await own.query('CREATE TABLE app.late (a integer PRIMARY KEY)')
        }
        return own.query(sql, options)
      },
    })
    await expect(upgradeStack(stack, logical)).rejects.toThrow(/schema of claude_agents_auth was changed/)
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

  test('waits while what was written during the copy is applied, and finds rows without a key by an index', async () => {
    // On the new server alone: the copy takes a while, then each change takes a part of a second.
    await ask(`
      CREATE TABLE special.slow (a integer, b integer);
      CREATE INDEX by_column ON special.slow (a, (b + 1));
      CREATE INDEX by_hash ON special.slow USING hash (a);
      CREATE INDEX by_expression ON special.slow ((a + b), a);
      CREATE INDEX of_a_part ON special.slow (a) WHERE b > 0;
      INSERT INTO special.slow SELECT i, 0 FROM generate_series(1, 1000) i;
      CREATE FUNCTION special.dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF current_setting('session_replication_role') = 'replica' AND NEW.a = 1 THEN
          PERFORM pg_sleep(CASE TG_OP WHEN 'INSERT' THEN 4 ELSE 0.25 END);
        END IF;
        RETURN NEW;
      END $$;
      CREATE TRIGGER dawdle BEFORE INSERT OR UPDATE ON special.slow FOR EACH ROW EXECUTE FUNCTION special.dawdle();
      ALTER TABLE special.slow ENABLE ALWAYS TRIGGER dawdle`)
    const next = 'postgres-green'
    const change = async (): Promise<void> => {
      const copying = "SELECT count(*) FROM pg_stat_progress_copy WHERE relid = 'special.slow'::regclass"
      await until(async () => (await ask(copying, next))[0]?.[0] === '1', 120_000, 'the table is copied')
      await ask(
        'DO $$ BEGIN FOR i IN 1..80 LOOP UPDATE special.slow SET b = i WHERE a = 1; COMMIT; END LOOP; END $$',
      )
    }
    let changing: Promise<void> | undefined
    const found: unknown[] = []
    const observe = async (step: string): Promise<void> => {
      if (step === 'copy the rows') changing = change()
      if (step !== 'make the indexes') return
      const used = `SELECT indexrelname, idx_scan > 0 FROM pg_stat_user_indexes WHERE relname = 'slow' ORDER BY 1`
      found.push(await ask(used, next), await ask('SELECT max(b) FROM special.slow', next))
      throw new Error('seen enough')
    }
    const attempt = upgradeStack(await sandbox.open(), { ...logical, syncLimitMs: 10_000, observe })
    await expect(attempt).rejects.toThrow('seen enough')
    await changing
    await ask('DROP TABLE special.slow; DROP FUNCTION special.dawdle()')
    expect(found).toEqual([
      [
        ['by_column', 't'],
        ['by_hash', 'f'],
      ],
      [['80']],
    ])
  })

  test('undoes what a killed attempt has left, the fence and the pause included', async () => {
    const before = await surroundings()
    await Load.start(sandbox, 1).then((load) => load.stop())
    const own = await sandbox.open()
    const { steady } = own
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
    const stack = replaceSteadyMethods(
      own,
      Object.fromEntries(
        methods.map((name) => [
          name,
          async (...args: unknown[]) => {
            isKilled ||= name === 'updateSettings' && 'PG_MAJOR' in (args[0] as object)
            if (isKilled) throw new Error('killed')
            return Reflect.apply(steady[name] as (...all: unknown[]) => unknown, steady, args)
          },
        ]),
      ),
    )
    await expect(upgradeStack(stack, logical)).rejects.toThrow('killed')
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

  test('refuses what logical replication does not carry, and a version that is not newer', async () => {
    await ask(`
      SELECT lo_create(4711);
      CREATE TABLE special.events (at timestamptz, doc json, docs json[]);
      INSERT INTO special.events VALUES (now(), '{"a": 1}', '{}');
      CREATE FUNCTION special.norm(v vector) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT -(v <#> v)';
      ALTER TABLE special.docs ADD COLUMN n float8 GENERATED ALWAYS AS (special.norm(e)) STORED`)
    const refused = await sandbox.cli('upgrade', '--to', '18', '--dry-run')
    expect(refused.code).toBe(1)
    expect(refused.stderr).toMatch(/1 large objects/)
    expect(refused.stderr).toMatch(
      /special\.events\.doc of type json,.*special\.events\.docs of type json\[\],/,
    )
    expect(refused.stderr).toMatch(/special\.docs\.n, whose functions need a search_path/)
    await expect(upgradeStack(await sandbox.open(), logical)).rejects.toThrow(/1 large objects/)
    await expect(upgradeStack(await sandbox.open(), { ...logical, toMajor: '17' })).rejects.toThrow(
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
    const stack = await openStack({ folder, project, progress, signal: controller.signal })
    await expect(upgradeStack(stack, { ...logical, method: 'dump' })).rejects.toMatchObject({
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
    expect(await sandbox.cli('backup', '--physical')).toMatchObject({ code: 0 })
    const before = await readLoad(sandbox)
    const startedAt = new Date().toISOString()
    const report = await upgradeStack(await sandbox.open(), { ...logical, method: 'dump' })
    await annotate(JSON.stringify(report))
    expect(await readMajor()).toBe('18')
    expect(await ask('SHOW checkpoint_timeout')).toEqual([['20min']])
    // The backups of 17 restore no time of 18: without one of 18 there would be a day of which nothing can be restored.
    const [newest] = await listPhysicalBackups(await sandbox.open()).then((all) => all.slice(-1))
    expect(newest!.kind).toBe('full')
    expect(newest!.takenAt > startedAt).toBe(true)
    const { findings } = JSON.parse((await sandbox.cli('status', '--json')).stdout) as {
      findings: readonly Finding[]
    }
    expect(findings).toContainEqual(
      expect.objectContaining({
        check: 'point in time',
        severity: 'ok',
        message: `any time since ${newest!.takenAt} can be restored`,
      }),
    )
    expect(await readLoad(sandbox)).toEqual(before)
    expect(await ask('SELECT oid FROM pg_largeobject_metadata')).toEqual([['4711']])
    expect(await ask('SELECT n FROM special.docs')).toEqual([['14']])
    expect(await ask('SELECT n FROM special.a_double')).toEqual([['2000']])
    expect(await ask(sequences)).toEqual([
      ['special', 'downwards', '-5'],
      ['special', 'never_used', null],
    ])
    await sandbox.query('UPDATE app.load_accounts SET balance = balance')
    await expect(rollBackUpgrade(await sandbox.open(), limits)).rejects.toThrow(/made by a dump/)
    await dropOldServer(await sandbox.open())
  })

  test('switches over on the new version', async () => {
    const before = await readLoad(sandbox)
    const { to } = await switchOver(await sandbox.open(), limits)
    expect((await sandbox.open()).primary).toBe(to)
    expect(await readLoad(sandbox)).toEqual(before)
    expect(await readMajor()).toBe('18')
  })
})
