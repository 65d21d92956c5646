import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { reservePort } from '#src/system/free-port.js'
import { createDatabase, database, role } from '#src/targets/local/cluster.js'
import { runSql } from '#src/targets/local/sql.js'
import type { PlainServer } from './plain-server.js'

const docker = async (...args: string[]) => (await promisify(execFile)('docker', args)).stdout.trim()

/** Makes a cluster on its first start, with nothing but what a package sets, and serves it. */
const script = `set -e
if ! test -s /tmp/data/PG_VERSION; then
  echo "$1" >/tmp/password
  initdb --pgdata /tmp/data --username "$0" --pwfile /tmp/password --auth scram-sha-256 --encoding UTF8 --no-locale >/dev/null
  echo 'host all all all scram-sha-256' >>/tmp/data/pg_hba.conf
fi
exec postgres -D /tmp/data -c listen_addresses='*' -c unix_socket_directories= -c fsync=off`

/** The same of the PostgreSQL in an image of the `postgres` service: other versions than the machine has. */
export async function startPlainContainer(image: string): Promise<PlainServer> {
  const password = randomBytes(12).toString('hex')
  const port = await reservePort()
  const connection = { host: '127.0.0.1', port, user: role, password, database }
  const id = await docker(
    ...['run', '--detach', '--publish', `127.0.0.1:${port}:5432`, '--entrypoint', 'sh', image],
    ...['-c', script, role, password],
  )
  const stop = async () => {
    await docker('rm', '--force', '--volumes', id)
  }
  const ready = async () => {
    for (let attempt = 0; ; attempt++) {
      try {
        return await runSql({ ...connection, database: 'postgres' }, ['SELECT 1'])
      } catch (error) {
        if (attempt === 300) throw error
        await sleep(100)
      }
    }
  }
  try {
    await ready()
    await createDatabase(connection)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    connection,
    stop,
    async restart() {
      await docker('restart', id)
      await ready()
    },
  }
}
