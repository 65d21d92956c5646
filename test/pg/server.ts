import pg from 'pg'
import { silent } from '#src/progress.js'
import { LocalTarget } from '#src/targets/local/local-target.js'
import type { ConnectionInfo } from '#src/targets/target.js'

export interface TestServer {
  readonly connection: ConnectionInfo
  readonly client: pg.Client
  stop(): Promise<void>
}

/** A private server with the extension built from this tree, its kernels forced to `isa` if given. */
export async function startServer(isa?: string): Promise<TestServer> {
  const target = new LocalTarget({ progress: silent, signal: new AbortController().signal })
  const connection = await target.deploy({ ...(isa !== undefined && { isa }) })
  const client = new pg.Client({ ...connection })
  await client.connect()
  const stop = async () => {
    await client.end()
    await target.stop()
  }
  return { connection, client, stop }
}
