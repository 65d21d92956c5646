import pg from 'pg'
import { expect, test } from 'vitest'
import { describeWithEngine, exec, readLog, Sandbox, waitForEnd } from './sandbox.js'

await describeWithEngine('the running server', () => {
  test('has no capability, no new privileges, a seccomp filter and a read-only root', async () => {
    await using sandbox = new Sandbox()
    const container = await sandbox.startReady()
    const { output } = await exec(container, 'cat', '/proc/1/status')
    expect(output).toMatch(/CapBnd:\s+0{16}/)
    expect(output).toMatch(/CapEff:\s+0{16}/)
    expect(output).toMatch(/NoNewPrivs:\s+1/)
    expect(output).toMatch(/Seccomp:\s+2/)
    expect((await exec(container, 'touch', '/x')).output).toContain('Read-only file system')
  })

  test('comes back on a used volume with the same hardening: same container, new container, after a crash', async () => {
    await using sandbox = new Sandbox()
    const dataVolume = await sandbox.createVolume()
    const first = await sandbox.startReady({ dataVolume })
    await sandbox.query(first, 'CREATE TABLE kept AS SELECT 42 AS n')
    await first.restart()
    await sandbox.waitUntilReady(first)
    expect(await sandbox.query(first, 'SELECT n FROM kept')).toEqual([[42]])

    await first.kill()
    await waitForEnd(first)
    const second = await sandbox.startReady({
      dataVolume,
      withoutSecret: true,
      environment: { POSTGRES_PASSWORD_FILE: '' },
    })
    expect(await sandbox.query(second, 'SELECT n FROM kept')).toEqual([[42]])
  })

  test('refuses a second container on its data and is not harmed by it', async () => {
    await using sandbox = new Sandbox()
    const dataVolume = await sandbox.createVolume()
    const first = await sandbox.startReady({ dataVolume })
    await sandbox.query(first, 'CREATE TABLE t AS SELECT generate_series(1, 1000) AS n')

    const second = await sandbox.start({ dataVolume })
    expect((await waitForEnd(second)).ExitCode).toBe(1)
    expect(await readLog(second)).toContain('is in use by another running container')

    await sandbox.query(first, 'INSERT INTO t VALUES (1001)')
    await sandbox.query(first, 'CHECKPOINT')
    expect(await sandbox.query(first, 'SELECT count(*)::int FROM t')).toEqual([[1001]])
    expect(await readLog(first)).not.toMatch(/PANIC|not properly shut down|terminated by signal/)

    await first.stop()
    await second.start()
    await sandbox.waitUntilReady(second)
    expect(await sandbox.query(second, 'SELECT count(*)::int FROM t')).toEqual([[1001]])
    expect(await readLog(second)).not.toContain('not properly shut down')
  })

  test('shuts down cleanly on docker stop while a session is open', async () => {
    await using sandbox = new Sandbox()
    const container = await sandbox.startReady()
    const client = new pg.Client({ ...(await sandbox.connection(container)) })
    const ended = new Promise<Error>((resolve) => client.on('error', resolve))
    await client.connect()
    await client.query('BEGIN')
    await container.stop()
    expect((await waitForEnd(container)).ExitCode).toBe(0)
    expect(await readLog(container)).toContain('database system is shut down')
    expect((await ended).message).toMatch(/terminat/)
  })

  test('does not run as root, and says what to do', async () => {
    await using sandbox = new Sandbox()
    const container = await sandbox.start({ change: (options) => Object.assign(options, { User: '0:0' }) })
    expect((await waitForEnd(container)).ExitCode).toBe(1)
    expect(await readLog(container)).toContain('use --user 999:999')
  })

  test('runs other commands as they are', async () => {
    await using sandbox = new Sandbox()
    const container = await sandbox.start({
      change: (options) => Object.assign(options, { Cmd: ['postgres', '--version'] }),
    })
    expect((await waitForEnd(container)).ExitCode).toBe(0)
    expect(await readLog(container)).toMatch(/^postgres \(PostgreSQL\) 17\./)
  })
})
