import { randomBytes } from 'node:crypto'
import { silent } from '#src/progress.js'
import { reservePort } from '#src/system/free-port.js'
import {
  createDatabase,
  database,
  initialiseCluster,
  role,
  serverEnvironment,
} from '#src/targets/local/cluster.js'
import { findInstallation } from '#src/targets/local/installation.js'
import { Postmaster } from '#src/targets/local/postmaster.js'
import { createRunFolder, removeRunFolder } from '#src/targets/local/run-folder.js'
import { prepareServerTree, serverProgram } from '#src/targets/local/server-tree.js'
import { isReady } from '#src/targets/local/sql.js'
import type { ConnectionInfo } from '#src/targets/target.js'

/** A server whose settings are in its files, as a package installs it: ALTER SYSTEM and a restart change them. */
export interface PlainServer {
  readonly connection: ConnectionInfo
  restart(): Promise<void>
  stop(): Promise<void>
}

export async function startPlainServer(signal: AbortSignal): Promise<PlainServer> {
  const tree = await prepareServerTree(await findInstallation(), { progress: silent, signal })
  const run = await createRunFolder(tree, undefined, silent)
  const password = randomBytes(12).toString('base64url')
  const port = await reservePort()
  const connection = { host: '127.0.0.1', port, user: role, password, database }
  let postmaster: Postmaster | undefined
  const start = async () => {
    postmaster = new Postmaster({
      program: serverProgram(run.tree, 'postgres'),
      dataDir: run.dataDir,
      parameters: new Map([
        ['listen_addresses', '127.0.0.1'],
        ['port', String(port)],
        ['unix_socket_directories', ''],
        ['fsync', 'off'],
      ]),
      env: serverEnvironment({}),
      user: run.user,
    })
    if (!(await isReady(postmaster, { ...connection, database: 'postgres' }, signal)))
      throw postmaster.describeEnd()
  }
  const stop = async () => {
    await postmaster?.stop()
    await removeRunFolder(run.path)
  }
  try {
    await initialiseCluster(run, password, signal)
    await start()
    await createDatabase(connection)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    connection,
    stop,
    async restart() {
      await postmaster?.stop()
      await start()
    },
  }
}
