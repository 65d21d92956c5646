import pg from 'pg'
import { afterEach, expect, test, vi } from 'vitest'
import { Session } from '#src/paths/server/session.js'
import { silent } from '#src/progress.js'
import { clientOptions } from '#src/targets/connection.js'
import { LocalTarget } from '#src/targets/local/local-target.js'

const { signal } = new AbortController()

afterEach(() => vi.unstubAllEnvs())

test('no PG* variable of the shell reaches a server of ours', async () => {
  const ofTheShell = {
    PGHOST: 'elsewhere.invalid',
    PGPORT: '1',
    PGUSER: 'somebody',
    PGDATABASE: 'nothing',
    PGPASSWORD: 'wrong',
    PGPASSFILE: '/nonexistent',
    PGSSLMODE: 'prefer',
    PGSSLNEGOTIATION: 'direct',
    PGOPTIONS: '-c default_transaction_read_only=on -c work_mem=99MB',
    PGAPPNAME: 'somebody',
    PGREPLICATION: 'true',
    PGCLIENTENCODING: 'LATIN1',
    PGCLIENT_ENCODING: 'latin1',
    PGCONNECT_TIMEOUT: '1',
    PGTZ: 'Asia/Tokyo',
  }
  for (const [name, value] of Object.entries(ofTheShell)) vi.stubEnv(name, value)
  const target = new LocalTarget({ progress: silent, signal })
  try {
    const connection = await target.deploy({ parameters: { work_mem: '7MB' } })
    const question = `SELECT current_setting('default_transaction_read_only') AS read_only,
      current_setting('work_mem') AS work_mem, current_setting('client_encoding') AS encoding,
      current_setting('application_name') AS application, current_setting('TimeZone') AS zone`
    const expected = {
      read_only: 'off',
      work_mem: '7MB',
      encoding: 'UTF8',
      application: 'simdgres',
      zone: expect.not.stringContaining('Tokyo'),
    }
    const client = new pg.Client(clientOptions(connection))
    await client.connect()
    expect((await client.query(question)).rows).toEqual([expected])
    await client.end()
    const session = await Session.open(connection, { signal })
    expect(await session.query(question)).toEqual([expected])
    await session.close()
  } finally {
    await target.stop()
  }
})

test('what a URL says about the session is sent', async () => {
  const target = new LocalTarget({ progress: silent, signal })
  try {
    const connection = await target.deploy({})
    const client = new pg.Client(
      clientOptions({ ...connection, options: '-c work_mem=9MB', applicationName: 'of the URL' }),
    )
    await client.connect()
    const { rows } = await client.query(
      `SELECT current_setting('work_mem') AS work_mem, current_setting('application_name') AS name`,
    )
    expect(rows).toEqual([{ work_mem: '9MB', name: 'of the URL' }])
    await client.end()
  } finally {
    await target.stop()
  }
})
