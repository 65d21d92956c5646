import { randomBytes } from 'node:crypto'
import { chown, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SimdgresError, throwIfAborted } from '../../errors.js'
import { runCommand } from '../../system/command.js'
import { reservePort } from '../../system/free-port.js'
import { toStorageError } from '../../system/storage-error.js'
import type { ConnectionInfo, DeploySettings, Target, TargetOptions, TargetStats } from '../target.js'
import { findInstallation } from './installation.js'
import { Postmaster } from './postmaster.js'
import { createRunFolder, type RunFolder, removeRunFolder, sweepDeadRuns } from './run-folder.js'
import { prepareServerTree, serverProgram } from './server-tree.js'
import { isReady, runSql } from './sql.js'
import { computeParameters } from './tuning.js'
import { UsageMeter } from './usage.js'

const role = 'simdgres'
const database = 'simdgres'
const extensions = ['vector', 'simdgres', 'pg_prewarm'] as const
/** Another program may take a free port between our look and the server's start. */
const portAttempts = 3

/** What a deployment has made so far, in the order of making; `stop` undoes it backwards. */
interface Parts {
  run?: RunFolder
  postmaster?: Postmaster
  meter?: UsageMeter
}

/**
 * A throw-away cluster of an installed PostgreSQL, in a private copy of the server (see local-tree.ts). Durable
 * settings are the defaults, as in the image; the data is gone after `stop`.
 */
export class LocalTarget implements Target {
  readonly id = 'local'
  readonly resumed: boolean = false
  readonly #options: TargetOptions
  readonly #stopping = new AbortController()
  readonly #signal: AbortSignal
  readonly #parts: Parts = {}
  #deploying: Promise<ConnectionInfo> | undefined

  constructor(options: TargetOptions) {
    this.#options = options
    this.#signal = AbortSignal.any([options.signal, this.#stopping.signal])
  }

  async deploy(settings: DeploySettings): Promise<ConnectionInfo> {
    if (this.#deploying) {
      throw new SimdgresError(
        'ERR_INVALID_ARGUMENT',
        'This target is deployed already',
        'Create a new target for another server.',
      )
    }
    this.#deploying = this.#deploy(settings)
    return this.#deploying
  }

  async reconfigure(): Promise<ConnectionInfo> {
    throw new SimdgresError('ERR_UNAVAILABLE', 'This target cannot be reconfigured', 'Deploy another one.')
  }

  async stats(): Promise<TargetStats | undefined> {
    return this.#parts.meter?.read()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    // Its own failure was told to whoever called deploy.
    await this.#deploying?.catch(() => undefined)
    await this.#cleanUp()
  }

  async #deploy(settings: DeploySettings): Promise<ConnectionInfo> {
    try {
      await sweepDeadRuns(this.#options.progress)
      const installation = await findInstallation(settings.pgMajor)
      const context = { progress: this.#options.progress, signal: this.#signal }
      const parameters = await computeParameters(settings, this.#signal)
      if (settings.port !== undefined) await reservePort(settings.port)
      const tree = await prepareServerTree(installation, context)
      this.#parts.run = await createRunFolder(tree, this.#options.progress)
      const password = randomBytes(24).toString('base64url')
      await this.#initialise(this.#parts.run, password)
      const connection = await this.#start(this.#parts.run, parameters, settings, password)
      await this.#createDatabase(connection)
      this.#watch()
      return connection
    } catch (error) {
      await this.#cleanUp()
      throwIfAborted(this.#signal)
      throw toStorageError(error, 'making the server in the cache folder')
    }
  }

  async #initialise(run: RunFolder, password: string): Promise<void> {
    const passwordFile = join(run.path, 'password')
    await writeFile(passwordFile, password, { mode: 0o600, flag: 'wx' })
    if (run.user) await chown(passwordFile, run.user.uid, run.user.gid)
    const args = [
      ...['--pgdata', run.dataDir, '--username', role, '--pwfile', passwordFile],
      ...['--auth=scram-sha-256', '--encoding=UTF8', '--no-locale', '--data-checksums'],
      // A power cut during initdb costs nothing: the folder is swept. The server itself does sync.
      '--no-sync',
    ]
    try {
      await runCommand(serverProgram(run.tree, 'initdb'), args, {
        purpose: 'Creating the cluster',
        hint: 'Read the lines above; run `node scripts/setup.mjs local` to check the installation.',
        signal: this.#signal,
        cwd: run.dataDir,
        env: serverEnvironment({}),
        user: run.user,
      })
    } finally {
      await rm(passwordFile, { force: true })
    }
  }

  /** Starts the server and resolves when it answers queries. */
  async #start(
    run: RunFolder,
    computed: ReadonlyMap<string, string>,
    settings: DeploySettings,
    password: string,
  ): Promise<ConnectionInfo> {
    for (let attempt = 1; ; attempt++) {
      const port = await reservePort(settings.port)
      const parameters = new Map([
        ...computed,
        ...Object.entries(settings.parameters ?? {}),
        ['listen_addresses', '127.0.0.1'],
        ['port', String(port)],
        // Everything goes over TCP, as with a container; no socket, no lock file outside the run's folder.
        ['unix_socket_directories', ''],
        // The log is read from the pipe.
        ['logging_collector', 'off'],
        ['log_destination', 'stderr'],
      ])
      const postmaster = new Postmaster({
        program: serverProgram(run.tree, 'postgres'),
        dataDir: run.dataDir,
        parameters,
        env: serverEnvironment(settings),
        user: run.user,
      })
      this.#parts.postmaster = postmaster
      const connection = { host: '127.0.0.1', port, user: role, password, database }
      if (await isReady(postmaster, { ...connection, database: 'postgres' }, this.#signal)) return connection
      const error = postmaster.describeEnd()
      const portWasTaken = settings.port === undefined && /could not bind/.test(postmaster.logTail)
      if (!portWasTaken || attempt === portAttempts) throw error
    }
  }

  async #createDatabase(connection: ConnectionInfo): Promise<void> {
    try {
      await runSql({ ...connection, database: 'postgres' }, [`CREATE DATABASE ${database}`])
      await runSql(
        connection,
        extensions.map((name) => `CREATE EXTENSION ${name}`),
      )
    } catch (cause) {
      throw describeSetupFailure(cause)
    }
    throwIfAborted(this.#signal)
  }

  /** From now on the server's end, unless we caused it, is news. */
  #watch(): void {
    const { postmaster } = this.#parts
    if (postmaster?.pid === undefined) return
    const meter = new UsageMeter(postmaster.pid)
    this.#parts.meter = meter
    postmaster.exited.then(() => {
      meter.stop()
      if (!this.#signal.aborted) this.#options.progress.note(postmaster.describeEnd().message)
    })
  }

  async #cleanUp(): Promise<void> {
    this.#parts.meter?.stop()
    await this.#parts.postmaster?.stop()
    if (this.#parts.run) await removeRunFolder(this.#parts.run.path)
  }
}

/** Nothing of ours but what the server needs: no passwords, no PG* variables that change its behaviour. */
function serverEnvironment(settings: DeploySettings): NodeJS.ProcessEnv {
  const isa = settings.isa ?? process.env['SIMDGRES_ISA']
  return {
    PATH: process.env['PATH'],
    LC_ALL: 'C',
    ...(isa !== undefined && { SIMDGRES_ISA: isa }),
  }
}

function describeSetupFailure(cause: unknown): SimdgresError {
  const why = cause instanceof Error ? cause.message : String(cause)
  // The extension refuses an instruction set that it does not know or that the processor lacks.
  if (why.includes('SIMDGRES_ISA')) {
    return new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      `The extension could not be loaded: ${why}`,
      'Name an instruction set this processor has, or leave it out to get the best one.',
      { cause },
    )
  }
  return new SimdgresError(
    'ERR_UNAVAILABLE',
    `The new server could not be set up: ${why}`,
    'Remove the folder `postgres` in the cache folder and run it again.',
    { cause },
  )
}
