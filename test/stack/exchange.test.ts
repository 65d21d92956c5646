import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { listProjectContainers } from '#src/engine/project-containers.js'
import { silent } from '#src/progress.js'
import type { ExchangeOptions } from '#src/stack/move/exchange.js'
import { dropOldServer } from '#src/stack/move/previous.js'
import { findPrevious, findPrimary, moveSettings } from '#src/stack/move/replication.js'
import { switchOver } from '#src/stack/move/switchover.js'
import { readUpgradeState } from '#src/stack/move/upgrade-state.js'
import { readPoolFile } from '#src/stack/pool/pool-file.js'
import { isPoolPaused } from '#src/stack/pool/pooler.js'
import { parseTargetTime, restoreToTime } from '#src/stack/restore/point-in-time.js'
import { listPhysicalBackups } from '#src/stack/sets/backup-sets.js'
import { openStack, type Stack } from '#src/stack/stack.js'
import { ensureMajorImage } from '#src/stack/upgrade/new-server.js'
import { rollBackUpgrade } from '#src/stack/upgrade/rollback.js'
import { upgradeStack } from '#src/stack/upgrade/upgrade.js'
import { describeWithEngine } from '../docker/sandbox.js'
import { killEveryProcess, restartLimitMs } from './crash.js'
import { lastStep, limits, replaceSteadyMethods, steps } from './moves.js'
import { StackSandbox } from './stack-sandbox.js'
import { expectWhole, killMove } from './support/killed-move.js'
import { until } from './until.js'

const kinds = ['restore', 'switchover', 'upgrade'] as const
type Kind = (typeof kinds)[number]

/**
 * The steps that fail on purpose: the last one, which undoes all others. With SIMDGRES_EVERY_STEP=1 it is each of them, and
 * each is killed as well, which takes half an hour longer; the tests of each move let others fail. A switchover whose last
 * step fails is in the test of an undo that fails.
 */
const isEveryStep = process.env['SIMDGRES_EVERY_STEP'] !== undefined
const chooseFailing = (kind: Kind): readonly string[] => {
  if (isEveryStep) return steps[kind]
  return kind === 'switchover' ? [] : steps[kind].slice(-1)
}

/**
 * The steps at which a move is killed. One kill of each kind: a restore when the new server is verified and not in use yet,
 * the others further down, where clients are at work on it.
 */
const namedStep = 'name the new primary in .env'
const chooseKilled = (kind: Kind): readonly string[] => {
  if (isEveryStep) return [...steps[kind], lastStep]
  return kind === 'restore' ? [namedStep] : []
}

await describeWithEngine('exchange', () => {
  let sandbox: StackSandbox
  /** After the backup, before the rows that the tests write. */
  let target: string

  beforeAll(async () => {
    sandbox = await StackSandbox.create()
    await sandbox.up({ profiles: ['backup'] })
    const stack = await sandbox.open()
    await ensureMajorImage(stack, '18')
    await sandbox.query('CREATE TABLE app.marks (kind text, step text)')
    await until(
      async () => (await listPhysicalBackups(stack)).length > 0,
      300_000,
      'the schedule makes a physical backup',
      1000,
    )
    await chooseTarget(stack)
  }, 1_800_000)
  afterAll(() => sandbox?.[Symbol.asyncDispose]())

  const moves: Readonly<
    Record<Kind, (stack: Stack, observe: ExchangeOptions['observe']) => Promise<unknown>>
  > = {
    restore: (stack, observe) => restoreToTime(stack, target, { ...limits, observe }),
    switchover: (stack, observe) => switchOver(stack, { ...limits, observe }),
    upgrade: (stack, observe) =>
      upgradeStack(stack, { ...limits, observe, toMajor: '18', method: 'logical' }),
  }

  async function chooseTarget(stack: Stack): Promise<void> {
    await sleep(1100)
    const [row] = await stack.query("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')")
    target = parseTargetTime(`${row![0]}Z`)
    // A replay ends at the first commit after its target; without one the log would not reach that far.
    await sandbox.query('DROP TABLE IF EXISTS app."Without columns"; CREATE TABLE app."Without columns" ()')
  }

  /** Everything that a move changes outside of tables. */
  async function describeStack() {
    const stack = await sandbox.open()
    const containers = await listProjectContainers(stack.engine, stack.name)
    return {
      containers: Object.fromEntries(containers.map(({ service, id }) => [service, id])),
      volumes: await stack.listVolumes(),
      primary: findPrimary(stack),
      previous: findPrevious(stack),
      next: stack.settings[moveSettings.nextVolume],
      major: stack.compose.services['postgres']!.build.args['PG_MAJOR'],
      poolFile: await readPoolFile(stack.folder),
      isPaused: await isPoolPaused(stack),
      upgrade: await readUpgradeState(stack),
      limits: await stack.query('SELECT datname, datconnlimit FROM pg_database ORDER BY 1'),
      replication: await stack.query(
        `SELECT slot_name FROM pg_replication_slots UNION ALL SELECT pubname FROM pg_publication
         UNION ALL SELECT subname FROM pg_subscription
         UNION ALL SELECT 'rights' WHERE pg_has_role('replication', 'pg_read_all_data', 'MEMBER')`,
      ),
    }
  }

  const written: { readonly kind: string; readonly step: string }[] = []
  async function write(kind: string, step: string): Promise<void> {
    await sandbox.query(`INSERT INTO app.marks VALUES ('${kind}', '${step}')`)
    written.push({ kind, step })
  }

  /** What a promotion that was taken back leaves there is in the way of the next one, and of restores. */
  async function listHistories(): Promise<string> {
    const stack = await sandbox.open()
    const { stdout } = await stack.exec(stack.primary, [
      'find',
      '/backups/pgbackrest/archive',
      '-name',
      '*.history*',
    ])
    return stdout
  }

  for (const kind of kinds.filter((each) => [...chooseFailing(each), ...chooseKilled(each)].length > 0)) {
    const names = steps[kind]
    describe(kind, () => {
      test.each(chooseFailing(kind))('goes back where it fails to %s', async (failing) => {
        const before = await describeStack()
        const histories = await listHistories()
        const begun: string[] = []
        const attempt = moves[kind](await sandbox.open(), (step) => {
          begun.push(step)
          if (step === failing) throw new Error(`no ${failing}`)
        })
        await expect(attempt).rejects.toThrow(`no ${failing}`)
        expect(begun).toEqual(names.slice(0, names.indexOf(failing) + 1))
        await write(kind, failing)
        expect(await describeStack()).toEqual(before)
        if (kind === 'switchover') expect(await listHistories()).toBe(histories)
      })

      test.each(chooseKilled(kind))('is repaired after SIGKILL where it would %s', async (step) => {
        const before = await describeStack()
        const histories = await listHistories()
        await killMove(sandbox, { kind, step, target })
        // The command that status names, or the one that everybody tries first.
        if (kind === 'upgrade') await sandbox.up({ profiles: ['backup'] })
        else expect(await sandbox.cli('repair')).toMatchObject({ code: 0 })
        await expectWhole(sandbox)
        const isDone = (await sandbox.open()).primary !== before.primary.name
        expect(isDone).toBe([...names, lastStep].indexOf(step) > names.indexOf(namedStep))
        if (isDone && kind === 'restore') written.length = 0
        await write(kind, step)
        expect(await sandbox.query('SELECT kind, step FROM app.marks')).toEqual(written)
        if (isDone && kind === 'upgrade') {
          // The next one begins at the old version, too.
          await rollBackUpgrade(await sandbox.open(), limits)
          const { major, primary } = await describeStack()
          expect({ major, primary }).toEqual({ major: before.major, primary: before.primary })
        }
        if (isDone) {
          await dropOldServer(await sandbox.open())
          return
        }
        // Hours of work, and verified: not removed before somebody says so.
        const isVerified = names.indexOf(step) > names.indexOf('verify the restored server')
        if (kind === 'restore' && isVerified) {
          expect((await describeStack()).volumes).not.toEqual(before.volumes)
          expect(await sandbox.cli('restore', '--drop-old', '--yes')).toMatchObject({ code: 0 })
        }
        const after = await describeStack()
        // An up may have found a newer image of a service.
        const containers = kind === 'upgrade' ? before.containers : after.containers
        expect({ ...after, containers }).toEqual(before)
        expect(Object.keys(after.containers).sort()).toEqual(Object.keys(before.containers).sort())
        if (kind === 'switchover') expect(await listHistories()).toBe(histories)
      })
    })
  }

  test('nothing of what clients wrote between the failures is lost', async () => {
    expect(await sandbox.query('SELECT kind, step FROM app.marks')).toEqual(written)
  })

  test('reports an undo that fails, does the others, and fails with the first error', async () => {
    const before = await describeStack()
    const histories = await listHistories()
    const notes: string[] = []
    const begun: string[] = []
    const { folder, project } = sandbox
    const progress = { ...silent, note: (text: string) => void notes.push(text) }
    const own = await openStack({ folder, project, progress, signal: new AbortController().signal })
    const { primary, steady } = own
    const stack = replaceSteadyMethods(own, {
      repointPool: async (server) => {
        await steady.repointPool(server)
        if (server === primary) throw new Error('the disk is full')
      },
    })
    const attempt = moves.switchover(stack, (step) => {
      begun.push(step)
      if (step === steps.switchover.at(-1)) throw new Error('the first failure')
    })
    await expect(attempt).rejects.toThrow('the first failure')
    expect(begun).toEqual(steps.switchover)
    await write('switchover', 'undo')
    expect(notes).toContain(
      `going back to ${primary} is not complete: "point the pool at the new primary" is not undone: the disk is full`,
    )
    expect(await describeStack()).toEqual(before)
    expect(await listHistories()).toBe(histories)
    expect(await sandbox.query('SELECT kind, step FROM app.marks')).toEqual(written)
  })

  test('does not go back where a pool that crashed has let clients go on', async () => {
    const stack = await sandbox.open()
    const { primary } = stack
    const attempt = moves.switchover(stack, async (step) => {
      if (step !== 'ask the pool where it goes') return
      await killEveryProcess(stack, ['pgbouncer'])
      await until(() => sandbox.answers(), restartLimitMs, 'the pool is there again')
      await write('switchover', 'crash')
      throw new Error('no answer')
    })
    await expect(attempt).rejects.toThrow(/^no answer\. Nothing is undone: .* at work on /)
    const { code, stdout } = await sandbox.cli('repair')
    expect([code, stdout]).toEqual([0, expect.stringMatching(/finish/)])
    await expectWhole(sandbox)
    expect((await sandbox.open()).primary).not.toBe(primary)
    expect(await sandbox.query('SELECT kind, step FROM app.marks')).toEqual(written)
    await dropOldServer(await sandbox.open())
  })

  test('a restore is done although a service cannot follow, which is reported', async () => {
    const notes: string[] = []
    const { folder, project } = sandbox
    const progress = { ...silent, note: (text: string) => void notes.push(text) }
    const stack = await openStack({ folder, project, progress, signal: new AbortController().signal })
    if (isEveryStep) {
      // Each move has ended with a backup, and by now none is left of the time before.
      await sandbox.query('DELETE FROM app.marks')
      await chooseTarget(stack)
    }
    const { primary } = stack
    await stack.startService('postgres-exporter')
    // Less than the engine accepts.
    await stack.updateSettings({ EXPORTER_MEMORY: '1m' })
    const begun: string[] = []
    await moves.restore(stack, (step) => void begun.push(step))
    expect(begun).toEqual([...steps.restore, lastStep])
    expect(notes).toContainEqual(
      expect.stringMatching(/^postgres-exporter does not follow: .*Run simdgres up\.$/s),
    )
    expect(stack.primary).not.toBe(primary)
    expect(await sandbox.query('SELECT step FROM app.marks')).toEqual([])
    await write('restore', 'done')
    await stack.updateSettings({ EXPORTER_MEMORY: undefined })
    await dropOldServer(stack)
  })

  /** It is killed when all is done that clients wait for, and `repair` does the rest. */
  const succeed = async (kind: Kind): Promise<void> => {
    const { primary } = await sandbox.open()
    await killMove(sandbox, { kind, step: 'let clients go on' })
    const { code, stderr } = await sandbox.cli('repair')
    expect(code, stderr).toBe(0)
    // No backup of another cluster restores a time of this one.
    if (kind === 'upgrade') expect(stderr).toContain('recovery to a point in time starts anew')
    await expectWhole(sandbox)
    expect((await sandbox.open()).primary).not.toBe(primary)
    await write(kind, 'done')
  }

  test('a restored server, whose recovery had an end, can be switched over', async () => {
    await succeed('switchover')
    await dropOldServer(await sandbox.open())
  })

  test('the end of an upgrade by restore --drop-old leaves nothing of the replication', async () => {
    await succeed('upgrade')
    const upgraded = await describeStack()
    await killMove(sandbox, { kind: 'rollback', step: namedStep })
    expect(await sandbox.cli('repair')).toMatchObject({ code: 0 })
    await expectWhole(sandbox)
    await write('rollback', namedStep)
    expect(await describeStack()).toEqual(upgraded)
    expect(await sandbox.cli('restore', '--drop-old', '--yes')).toMatchObject({ code: 0 })
    const { replication, upgrade, previous, volumes } = await describeStack()
    expect({ replication, upgrade, previous }).toEqual({
      replication: [],
      upgrade: undefined,
      previous: undefined,
    })
    expect(volumes.filter((name) => name.startsWith('postgres_data'))).toHaveLength(1)
  })
})
