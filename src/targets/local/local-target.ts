import { randomBytes } from 'node:crypto'
import { SimdgresError, throwIfAborted } from '../../errors.js'
import { runCommand } from '../../system/command.js'
import { reservePort } from '../../system/free-port.js'
import type { ResumeMark } from '../../system/resume-mark.js'
import { toStorageError } from '../../system/storage-error.js'
import { hashDeployment } from '../deployment-hash.js'
import { dropScript, readDropped } from '../page-cache.js'
import { describeRefusal } from '../refused-settings.js'
import type {
  ConnectionInfo,
  DeploySettings,
  DroppedPages,
  Target,
  TargetOptions,
  TargetStats,
} from '../target.js'
import { claimAbandonedRun, sweepAbandonedRuns } from './abandoned-runs.js'
import {
  createDatabase,
  database,
  initialiseCluster,
  replacePassword,
  role,
  serverEnvironment,
} from './cluster.js'
import { findInstallation } from './installation.js'
import { Postmaster } from './postmaster.js'
import { createRunFolder, openRunFolder, type RunFolder, removeRunFolder } from './run-folder.js'
import { writeOwner } from './run-owner.js'
import { prepareServerTree, type ServerTree, serverProgram } from './server-tree.js'
import { isReady, runSql } from './sql.js'
import { computeTuning, type Tuning } from './tuning.js'
import { UsageMeter } from './usage.js'

const passwordBytes = 24
/** Another program may take the port after we found it free and before the server starts. */
const portAttempts = 3
/** The shutdown checkpoint writes all dirty buffers. If it is cut short, the next start has to replay the log. */
const restartShutdownMs = 120_000

/** A server that runs, or that ran until `reconfigure` tried settings with which it does not start. */
interface Deployment {
  readonly run: RunFolder
  readonly password: string
  /** The last settings with which it started. */
  readonly settings: DeploySettings
}

/**
 * A throw-away cluster of an installed PostgreSQL, in a private copy of the server (see server-tree.ts). Durable
 * settings are the defaults, as in the image; the data is gone after `stop`.
 */
export class LocalTarget implements Target {
  readonly id = 'local'
  readonly #options: TargetOptions
  readonly #stopping = new AbortController()
  readonly #signal: AbortSignal
  #run: RunFolder | undefined
  #postmaster: Postmaster | undefined
  #meter: UsageMeter | undefined
  #deployment: Deployment | undefined
  #resumed = false
  /** The latest call of `deploy` or `reconfigure`. */
  #pending: Promise<ConnectionInfo> | undefined

  constructor(options: TargetOptions) {
    this.#options = options
    this.#signal = AbortSignal.any([options.signal, this.#stopping.signal])
  }

  get resumed(): boolean {
    return this.#resumed
  }

  async deploy(settings: DeploySettings): Promise<ConnectionInfo> {
    if (this.#pending) {
      throw new SimdgresError(
        'ERR_INVALID_ARGUMENT',
        'This target is deployed already',
        'Create a new target for another server, or use reconfigure for other settings.',
      )
    }
    this.#pending = this.#deploy(settings)
    return this.#pending
  }

  async reconfigure(settings: DeploySettings): Promise<ConnectionInfo> {
    const former = this.#pending
    const next = async (): Promise<ConnectionInfo> => {
      // If that call failed, its caller was told.
      await former?.catch(() => undefined)
      return this.#reconfigure(settings)
    }
    this.#pending = next()
    return this.#pending
  }

  async stats(): Promise<TargetStats | undefined> {
    return this.#meter?.read()
  }

  async dropPageCache(): Promise<DroppedPages | undefined> {
    if (this.#run === undefined) return undefined
    const { dataDir, user } = this.#run
    try {
      const output = await runCommand('sh', ['-c', dropScript], {
        purpose: 'Dropping the files of the server from the page cache',
        hint: 'Run it without --cold, or with another --target.',
        ...{ signal: this.#signal, cwd: dataDir, user },
      })
      return readDropped(output)
    } catch (error) {
      throwIfAborted(this.#signal)
      // dd of other systems than Linux cannot.
      const why = error instanceof Error ? error.message : String(error)
      this.#options.progress.note(`The files of the server stay in the page cache: ${why}`)
      return undefined
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#pending?.catch(() => undefined)
    await this.#cleanUp()
  }

  async #deploy(settings: DeploySettings): Promise<ConnectionInfo> {
    const { progress, resumeKey } = this.#options
    try {
      refuseImage(settings)
      const installation = await findInstallation(settings.pgMajor)
      const tuning = await computeTuning(settings, this.#signal)
      if (settings.port !== undefined) await reservePort(settings.port)
      const tree = await prepareServerTree(installation, { progress, signal: this.#signal })
      const mark: ResumeMark | undefined =
        resumeKey === undefined
          ? undefined
          : { key: resumeKey, settings: hashDeployment(tree.root, settings) }
      const resumed = mark && (await this.#resume(mark, tree, tuning, settings))
      await sweepAbandonedRuns(progress)
      return resumed ?? (await this.#deployAnew(mark, tree, tuning, settings))
    } catch (error) {
      await this.#cleanUp()
      throwIfAborted(this.#signal)
      throw toStorageError(error, 'making the server in the cache folder')
    }
  }

  async #deployAnew(
    mark: ResumeMark | undefined,
    tree: ServerTree,
    tuning: Tuning,
    settings: DeploySettings,
  ): Promise<ConnectionInfo> {
    const run = await createRunFolder(tree, mark, this.#options.progress)
    this.#run = run
    const password = randomBytes(passwordBytes).toString('base64url')
    await initialiseCluster(run, password, this.#signal)
    const connection = await this.#start({ run, password, settings }, tuning)
    await createDatabase(connection)
    throwIfAborted(this.#signal)
    if (mark) await writeOwner(run.path, { resume: mark, isComplete: true })
    return connection
  }

  /** Undefined if no killed run has left a cluster, or if it does not start; it is removed then. */
  async #resume(
    mark: ResumeMark,
    tree: ServerTree,
    tuning: Tuning,
    settings: DeploySettings,
  ): Promise<ConnectionInfo | undefined> {
    const { progress } = this.#options
    const path = await claimAbandonedRun(mark, progress, this.#signal)
    if (path === undefined) return undefined
    const run = openRunFolder(path, tree)
    this.#run = run
    const password = randomBytes(passwordBytes).toString('base64url')
    try {
      await replacePassword(run, password, this.#signal)
      const connection = await this.#start({ run, password, settings }, tuning)
      await runSql(connection, ['SELECT 1'])
      this.#resumed = true
      progress.note(`Going on with the data in ${path}, left by a run that was killed`)
      return connection
    } catch (error) {
      await this.#cleanUp()
      throwIfAborted(this.#signal)
      const why = error instanceof Error ? error.message : String(error)
      progress.note(`The data that a killed run has left cannot be used, so it is made again: ${why}`)
      return undefined
    }
  }

  async #reconfigure(settings: DeploySettings): Promise<ConnectionInfo> {
    throwIfAborted(this.#signal)
    const deployment = this.#deployment
    if (deployment === undefined) {
      throw new SimdgresError(
        'ERR_INVALID_ARGUMENT',
        'There is no server to reconfigure',
        'Call deploy first.',
      )
    }
    const { major } = deployment.run.tree.installation
    if (settings.pgMajor !== undefined && settings.pgMajor !== major) {
      throw new SimdgresError(
        'ERR_INVALID_ARGUMENT',
        `The data of a server of PostgreSQL ${major} cannot be served by PostgreSQL ${settings.pgMajor}`,
        'Deploy another target for another major version.',
      )
    }
    const tuning = await computeTuning(settings, this.#signal)
    this.#meter?.stop()
    await this.#postmaster?.stop(restartShutdownMs)
    try {
      return await this.#start({ ...deployment, settings }, tuning)
    } catch (error) {
      await this.#postmaster?.stop()
      throwIfAborted(this.#signal)
      if (!(error instanceof SimdgresError)) throw error
      throw describeRefusal(error, settings, deployment.settings)
    }
  }

  /** Starts the server and resolves when it answers queries. */
  async #start(deployment: Deployment, tuning: Tuning): Promise<ConnectionInfo> {
    const { run, password, settings } = deployment
    for (let attempt = 1; ; attempt++) {
      const port = await reservePort(settings.port)
      const parameters = new Map([
        ...tuning.parameters,
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
        env: { ...tuning.environment, ...serverEnvironment(settings) },
        user: run.user,
      })
      this.#postmaster = postmaster
      const connection = { host: '127.0.0.1', port, user: role, password, database }
      if (await isReady(postmaster, { ...connection, database: 'postgres' }, this.#signal)) {
        this.#deployment = deployment
        this.#watch(postmaster)
        return connection
      }
      const error = postmaster.describeEnd()
      const portWasTaken = settings.port === undefined && /could not bind/.test(postmaster.logTail)
      if (!portWasTaken || attempt === portAttempts) throw error
    }
  }

  /** From now on, report it if the server ends without us having stopped it. */
  #watch(postmaster: Postmaster): void {
    if (postmaster.pid === undefined) return
    const meter = new UsageMeter(postmaster.pid)
    this.#meter = meter
    postmaster.exited.then(() => {
      meter.stop()
      if (!postmaster.isStopped && !this.#signal.aborted) {
        this.#options.progress.note(postmaster.describeEnd().message)
      }
    })
  }

  async #cleanUp(): Promise<void> {
    this.#meter?.stop()
    await this.#postmaster?.stop()
    if (this.#run) await removeRunFolder(this.#run.path)
    this.#run = undefined
    this.#deployment = undefined
  }
}

function refuseImage({ image }: DeploySettings): void {
  if (image === undefined) return
  throw new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    `The image ${image.name} cannot run without a container engine`,
    'Start Docker, or leave out the paths that need a server.',
  )
}
