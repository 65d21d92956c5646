import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { dropOldServer } from '#src/stack/move/previous.js'
import { switchOver } from '#src/stack/move/switchover.js'
import { rollBackUpgrade } from '#src/stack/upgrade/rollback.js'
import { upgradeStack } from '#src/stack/upgrade/upgrade.js'
import { describeWithEngine } from '../docker/sandbox.js'
import { Load, readLoad } from './load.js'
import { clients, limits, moveUnderLoad } from './moves.js'
import type { StackSandbox } from './stack-sandbox.js'
import { expectNothingChanges } from './support/dry-runs.js'
import { until } from './until.js'
import {
  createUpgradeSandbox,
  identity,
  indexes,
  logical,
  questionsTo,
  sequences,
} from './upgrade-sandbox.js'

/** Promises how long clients wait: nothing else may run beside it. */
await describeWithEngine('upgrade under load', () => {
  let sandbox: StackSandbox
  beforeAll(async () => {
    sandbox = await createUpgradeSandbox()
  }, 1_800_000)
  afterAll(() => sandbox?.[Symbol.asyncDispose]())
  const { ask, readMajor, surroundings } = questionsTo(() => sandbox)

  test('moves from 17 to 18 under load: none of 20,000 transactions fails, nothing is lost', async ({
    annotate,
  }) => {
    await ask("ALTER SYSTEM SET log_min_duration_statement = '90s'")
    await ask('SELECT pg_reload_conf()')
    const before = await surroundings()
    const oldSequences = await ask(sequences)
    const oldIndexes = await ask(indexes)
    expect(oldIndexes.flat()).toEqual(expect.arrayContaining(['of a table with partitions', '500']))
    const report = await moveUnderLoad(sandbox, annotate, (stack) => upgradeStack(stack, logical))
    expect(await readMajor()).toBe('18')
    expect(report).toMatchObject({ fromMajor: '17', toMajor: '18', from: 'postgres', to: 'postgres-green' })
    expect(report.rows).toBeGreaterThan(8000)
    expect(await ask(sequences)).toEqual(oldSequences)
    expect(await ask(indexes)).toEqual(oldIndexes)
    // No number was given twice: the column is a primary key, and its default went on after the last one.
    expect(
      await ask('SELECT max(id) <= (SELECT last_value FROM app.load_rows_id_seq) FROM app.load_rows'),
    ).toEqual([['t']])
    const after = (await surroundings()) as unknown[][][]
    expect(after.slice(0, 3)).toEqual((before as unknown[][][]).slice(0, 3))
    expect(await ask('SELECT n FROM special.totals')).toEqual([['1000']])
    expect(await ask('SELECT n FROM special.a_double')).toEqual([['2000']])
    await ask("UPDATE special.docs SET e = '[3,2,1]'")
    expect(await ask('SELECT changed IS NOT NULL FROM special.docs')).toEqual([['t']])
    expect((await sandbox.open()).settings['PG_MAJOR']).toBe('18')
    // What ALTER SYSTEM has set, and the rights of a fresh server: neither is in a dump of a database.
    expect(await ask('SHOW log_min_duration_statement')).toEqual([['90s']])
    expect(await ask("SELECT has_database_privilege('pooler', 'postgres', 'CONNECT')")).toEqual([['f']])
    expect((await sandbox.up()).services).toEqual({ 'postgres-green': 'unchanged', pgbouncer: 'unchanged' })
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
    await expect(switchOver(await sandbox.open(), limits)).rejects.toThrow(/still kept/)
  })

  test('--dry-run of the way back changes nothing, whatever else is given', () =>
    expectNothingChanges(sandbox, 'upgrade'))

  test('rolls back under load, with all that was written since', async ({ annotate }) => {
    // Also removes the container of the server before, which is then made again, and follows.
    expect((await sandbox.cli('down')).code).toBe(0)
    await sandbox.up()
    const servers = await sandbox.open()
    for (const name of ['postgres-green', 'postgres']) await (await servers.container(name)).restart()
    await servers.waitUntilHealthy('postgres-green')
    await sandbox.query(`UPDATE special."Without key" SET b = 'after the restart' WHERE a = 501`)
    const isThere = async (): Promise<boolean> => {
      const rows = await ask(`SELECT b FROM special."Without key" WHERE a = 501`, 'postgres').catch(() => [])
      return rows[0]?.[0] === 'after the restart'
    }
    await until(isThere, 60_000, 'the server before follows after a restart of both')
    const before = await readLoad(sandbox)
    const load = await Load.continue(sandbox, clients, 1_000_000)
    await load.reach(2000)
    const report = await rollBackUpgrade(await sandbox.open(), limits)
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
})
