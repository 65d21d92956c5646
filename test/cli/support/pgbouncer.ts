import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { reservePort } from '#src/system/free-port.js'
import type { ConnectionInfo } from '#src/targets/target.js'

export interface Pool {
  /** What clients call the database. */
  readonly name: string
  readonly mode: 'session' | 'transaction' | 'statement'
  readonly size: number
}

export interface PgBouncer {
  /** The pool of this name, in the form of --url. */
  urlOf(pool: string): string
  connect(pool: string): Promise<pg.Client>
  stop(): Promise<void>
}

/** Starts an installed pgbouncer with these pools in front of `server`. Clients need no password. */
export async function startPgBouncer(
  server: ConnectionInfo,
  pools: readonly Pool[],
  settings: Readonly<Record<string, string>> = {},
): Promise<PgBouncer> {
  const folder = mkdtempSync(join(tmpdir(), 'simdgres-pgbouncer-'))
  // As root it becomes another user, who has to reach the file; the password in it is of a server of this test.
  chmodSync(folder, 0o755)
  const file = join(folder, 'pgbouncer.ini')
  const port = await reservePort()
  const { host, user, password, database } = server
  const lines = pools.map(
    ({ name, mode, size }) =>
      `${name} = host=${host} port=${server.port} dbname=${database} user=${user} password=${password} ` +
      `pool_mode=${mode} pool_size=${size}`,
  )
  const all = { listen_addr: '127.0.0.1', listen_port: String(port), auth_type: 'any', unix_socket_dir: '' }
  const options = Object.entries({ ...all, ...settings }).map(([name, value]) => `${name} = ${value}`)
  writeFileSync(file, ['[databases]', ...lines, '[pgbouncer]', ...options, ''].join('\n'))
  const asUser = process.getuid?.() === 0 ? ['-u', 'postgres'] : []
  const child = spawn('pgbouncer', ['-q', ...asUser, file], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const exited = once(child, 'exit')
  // A program that is not installed is reported by the first connection.
  exited.catch((error: unknown) => {
    said += String(error)
  })
  const connect = async (pool: string): Promise<pg.Client> => {
    const client = new pg.Client({ host: '127.0.0.1', port, user, database: pool })
    client.on('error', () => undefined)
    await client.connect()
    return client
  }
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
      child.kill('SIGKILL')
      await exited
    }
    rmSync(folder, { recursive: true })
  }
  for (let attempt = 0; ; attempt++) {
    try {
      await (await connect(pools[0]!.name)).end()
      break
    } catch (error) {
      if (attempt === 100) {
        await stop()
        throw new Error(`pgbouncer does not answer: ${said}`, { cause: error })
      }
      await sleep(50)
    }
  }
  return { urlOf: (pool) => `postgres://${user}@127.0.0.1:${port}/${pool}?sslmode=disable`, connect, stop }
}
