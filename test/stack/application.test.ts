import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Finding } from '#src/stack/checks/finding.js'
import type { Stack } from '#src/stack/stack.js'
import { describeWithEngine } from '../docker/sandbox.js'
import { StackSandbox } from './stack-sandbox.js'

await describeWithEngine('the tables of an application', () => {
  describe('with a folder of its own', () => {
    let folder: string
    let sandbox: StackSandbox
    let stack: Stack

    const write = (name: string, sql: string): Promise<void> => writeFile(join(folder, name), sql)
    const remove = (name: string): Promise<void> => rm(join(folder, name))
    const up = () => sandbox.up({ settings: { STACK_MIGRATIONS: folder } })
    const isThere = async (name: string): Promise<boolean> =>
      (await stack.query(`SELECT to_regclass('${name}') IS NOT NULL`))[0]![0] === 't'
    const applied = async (): Promise<(string | null | undefined)[]> =>
      (await stack.query('SELECT name FROM deployment.migrations ORDER BY name')).map(([name]) => name)
    async function status(): Promise<{ findings: Finding[]; code: number | null }> {
      const { stdout, code } = await sandbox.cli('status', '--json')
      return { ...(JSON.parse(stdout) as { findings: Finding[] }), code }
    }
    async function find(check: string): Promise<Finding | undefined> {
      return (await status()).findings.find((finding) => finding.check === check)
    }

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'simdgres-application-'))
      await write(
        '001-notes.sql',
        `CREATE SCHEMA notes;
         CREATE TABLE notes.notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, embedding vector(3));
         GRANT USAGE ON SCHEMA notes TO app;
         GRANT SELECT, INSERT ON notes.notes TO app;`,
      )
      await write(
        '002-index.sql',
        'CREATE INDEX notes_at ON notes.notes USING hnsw (embedding vector_l2_ops)',
      )
      sandbox = await StackSandbox.create()
      stack = await sandbox.open()
      // A build takes minutes, which are not the first boot's.
      for (const service of ['postgres', 'pgbouncer']) await stack.ensureImage(service)
    })
    afterAll(async () => {
      await sandbox?.[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
    })

    test('are made at the first boot, and those of the example are not', async () => {
      expect((await up()).migrations).toEqual(['001-notes', '002-index'])
      await sandbox.query("INSERT INTO notes.notes (embedding) VALUES ('[1,2,3]')")
      expect(await sandbox.query("SELECT embedding <-> '[1,2,5]' AS distance FROM notes.notes")).toEqual([
        { distance: 2 },
      ])
      expect(await isThere('notes.notes_at')).toBe(true)
      expect(await stack.query("SELECT FROM pg_namespace WHERE nspname = 'enhanced_learning'")).toEqual([])
      const { findings, code } = await status()
      expect(findings.map(({ check }) => check)).not.toContain('partitions')
      expect(findings.find(({ check }) => check === 'migrations')).toMatchObject({ severity: 'ok' })
      expect(code).toBe(0)
    })

    test('come from the folder in .env afterwards; a new file is named by status, and applied by up', async () => {
      await write('003-author.sql', 'ALTER TABLE notes.notes ADD author text')
      expect(await find('migrations')).toMatchObject({
        severity: 'warning',
        message: expect.stringContaining('003-author') as string,
      })
      const preview = await sandbox.cli('up', '--dry-run', '--json')
      expect(JSON.parse(preview.stdout)).toMatchObject({ migrations: ['003-author'] })
      expect(await applied()).toEqual(['001-notes', '002-index'])
      const { stdout, code } = await sandbox.cli('up')
      expect([code, stdout]).toEqual([0, expect.stringContaining('migration 003-author: applied')])
      expect(await sandbox.query('SELECT author FROM notes.notes')).toEqual([{ author: null }])
      expect((await up()).migrations).toEqual([])
    })

    test('are not touched where an applied file was changed, which is named', async () => {
      await write('002-index.sql', 'CREATE INDEX notes_by_author ON notes.notes (author)')
      await write('004-later.sql', 'SET LOCAL ROLE app; CREATE TABLE app.later ()')
      await expect(up()).rejects.toMatchObject({
        code: 'ERR_CHECK_FAILED',
        message: expect.stringContaining(`${join(folder, '002-index.sql')} was changed`) as string,
      })
      expect(await isThere('app.later')).toBe(false)
      expect(await find('migrations')).toMatchObject({ severity: 'warning' })
      // The stack goes on.
      expect(await sandbox.answers()).toBe(true)
      await write(
        '002-index.sql',
        'CREATE INDEX notes_at ON notes.notes USING hnsw (embedding vector_l2_ops)',
      )
      expect((await up()).migrations).toEqual(['004-later'])
      // Made as the application's own role.
      await sandbox.query('DROP TABLE app.later')
    })

    test('have all of a file or nothing of it; what fails is named with its line', async () => {
      await write('005-good.sql', 'CREATE TABLE notes.good ()')
      await write('006-bad.sql', 'CREATE TABLE notes.bad ();\n\nSELECT 1 / 0;\n')
      await expect(up()).rejects.toMatchObject({
        code: 'ERR_CHECK_FAILED',
        message: expect.stringContaining(
          `${join(folder, '006-bad.sql')}:3: ERROR:  division by zero`,
        ) as string,
      })
      expect(await isThere('notes.good')).toBe(true)
      expect(await isThere('notes.bad')).toBe(false)
      expect(await sandbox.answers()).toBe(true)
      await write('006-bad.sql', 'CREATE TABLE notes.bad ();')
      expect((await up()).migrations).toEqual(['006-bad'])
    })

    test('are told by a file that ends its transaction by itself', async () => {
      await write('007-commit.sql', 'CREATE TABLE notes.committed (); COMMIT;')
      await expect(up()).rejects.toThrow(/007-commit\.sql: .*ends its transaction by itself/)
      expect(await applied()).not.toContain('007-commit')
      await stack.query('DROP TABLE notes.committed')
      await remove('007-commit.sql')
    })

    test('are kept up by upkeep.sql, and asked by check.sql, which writes nothing', async () => {
      await write('upkeep.sql', "INSERT INTO notes.notes (author) VALUES ('upkeep')")
      const check =
        "SELECT 'notes', CASE WHEN count(*) > 2 THEN 'critical' ELSE 'ok' END, count(*) || ' notes'"
      await write('check.sql', `${check}, 'read some' FROM notes.notes`)
      await up()
      expect(await find('notes')).toEqual({
        check: 'notes',
        severity: 'ok',
        message: '2 notes',
        hint: 'read some',
      })
      await up()
      expect((await status()).code).toBe(2)

      await write('check.sql', "\nINSERT INTO notes.notes (author) VALUES ('check') RETURNING author")
      expect(await find('check.sql')).toMatchObject({
        severity: 'warning',
        message: expect.stringMatching(/check\.sql:2: ERROR: .*read-only/) as string,
      })
      await write('check.sql', "SELECT 'notes', 'fine'")
      expect((await find('check.sql'))?.message).toContain('no finding: notes, fine')
      await remove('check.sql')

      await write('upkeep.sql', '\nINSERT INTO notes.notes (id) VALUES (1)')
      await expect(up()).rejects.toThrow(/upkeep\.sql:2: ERROR/)
      await remove('upkeep.sql')
    })

    test('upkeep that would wait for long is left out, and said', async () => {
      await write('upkeep.sql', 'LOCK TABLE notes.notes')
      const client = await sandbox.connect()
      try {
        await client.query('BEGIN; SELECT FROM notes.notes')
        const { stderr, code } = await sandbox.cli('up')
        expect([code, stderr]).toEqual([0, expect.stringContaining('upkeep.sql was left out')])
      } finally {
        await client.end()
        await remove('upkeep.sql')
      }
    })

    test('go along to a server of another name', async () => {
      await write('008-moved.sql', 'CREATE TABLE notes.moved ()')
      const moved = await sandbox.cli('switchover')
      expect(moved.code, moved.stderr).toBe(0)
      stack = await sandbox.open()
      expect(stack.primary).not.toBe('postgres')
      expect((await up()).migrations).toEqual(['008-moved'])
      expect(await isThere('notes.moved')).toBe(true)
    })

    test('stay without the folder, which up and status name; one that is not there does not get into .env', async () => {
      const gone = `${folder}-gone`
      await expect(sandbox.up({ settings: { STACK_MIGRATIONS: gone } })).rejects.toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
        message: expect.stringContaining(gone) as string,
      })
      expect((await find('migrations'))?.severity).toBe('ok')
      await rename(folder, gone)
      try {
        expect(await sandbox.cli('up')).toMatchObject({
          code: 2,
          stderr: expect.stringContaining(folder) as string,
        })
        expect((await find('migrations'))?.message).toContain(folder)
        expect(await sandbox.answers()).toBe(true)
      } finally {
        await rename(gone, folder)
      }
      expect((await sandbox.cli('up')).code).toBe(0)
    })
  })

  test('are not there at all with STACK_MIGRATIONS=none', async () => {
    await using sandbox = await StackSandbox.create()
    const { migrations } = await sandbox.up({ settings: { STACK_MIGRATIONS: 'none' } })
    expect(migrations).toEqual([])
    const stack = await sandbox.open()
    const schemas = "SELECT FROM pg_namespace WHERE nspname IN ('enhanced_learning', 'deployment')"
    expect(await stack.query(schemas)).toEqual([])
    const { stdout, code } = await sandbox.cli('status', '--json')
    expect(code).toBe(0)
    const { findings } = JSON.parse(stdout) as { findings: Finding[] }
    const checks = findings.map(({ check }) => check)
    expect(checks).not.toContain('migrations')
    expect(checks).not.toContain('partitions')
  })
})
