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
