import { randomBytes } from 'node:crypto'
import type { ComposeFile, ComposeService } from '../config/compose-schema.js'
import {
  applyPlan,
  findContainer,
  previewPlan,
  removeStopped,
  type ServiceChange,
  startCreated,
  stopContainer,
} from '../engine/apply-plan.js'
import { readState } from '../engine/container.js'
import { readLastLines } from '../engine/container-log.js'
import { type Container, connectEngine, type Engine, engineError, requireEngine } from '../engine/engine.js'
import { type ExecOptions, type ExecResult, execIn } from '../engine/exec.js'
import { defaultHealthTimeoutMs, waitForHealth } from '../engine/health.js'
import { HeldShells } from '../engine/held-shell.js'
import { ensureServiceImage, findCurrentImage, findServiceImage } from '../engine/images/image.js'
import { runToEnd } from '../engine/one-shot.js'
import { ensureVolume, listStackVolumes, removeStackVolume } from '../engine/volumes.js'
import { invalidArgument, SimdgresError } from '../errors.js'
import type { Progress } from '../progress.js'
import { PoolerConsole } from './pool/console.js'
import { writePoolFile } from './pool/pool-file.js'
import { parseRows, requireSuccess, superuserCommand } from './server/sql.js'
import type { ServiceChanges, StackNames } from './services/service-changes.js'
import { databaseService, poolerService } from './services/service-names.js'
import { hasMissingSecret, planOneShot, planService } from './services/service-plan.js'
import { findStackFolder, StackSettings } from './settings.js'

/** Where a stack lives and who hears about work on it. */
export interface StackOptions {
  /** Folder with .env, secrets and pool settings; else STACK_DIR, else ./simdgres-stack. */
  readonly folder?: string
  /** Name that all containers, volumes and networks carry; else STACK_PROJECT of the shell or of .env, else `simdgres`. */
  readonly project?: string
  /**
   * For dry runs. A method that would change something throws, as a defect: containers, volumes, settings and images stay
   * as they are, and every transaction of a server is read-only.
   */
  readonly readOnly?: boolean
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** A container that runs one command with a service's image, limits, secrets and hardening, then is removed. */
export interface OneShotOptions extends ServiceChanges, Omit<ExecOptions, 'user' | 'environment'> {
  /** Service of the compose file. The container publishes no port, and has no health check and no restart policy. */
  readonly service: string
}

export interface QueryOptions {
  /** By default the application's. */
  readonly database?: string
  /** Server to ask, by its name in the networks; by default the primary. */
  readonly service?: string
}

/** What `stack` and `stack.steady` have in common. */
interface Shared {
  readonly engine: Engine
  readonly settings: StackSettings
  readonly readOnly: boolean
  /** Ids by what says how they are made: built or checked already, and not looked at again. */
  readonly images: Map<string, string>
  readonly console: PoolerConsole
  readonly shells: HeldShells
}

/**
 * The stack of a folder, running or not yet made.
 * @throws ERR_UNAVAILABLE without an engine, ERR_INVALID_ARGUMENT for wrong settings.
 */
export async function openStack(options: StackOptions): Promise<Stack> {
  await requireEngine()
  const settings = new StackSettings(findStackFolder(options.folder), options.project)
  const readOnly = options.readOnly ?? false
  const shared = {
    engine: connectEngine(),
    settings,
    readOnly,
    images: new Map(),
    console: new PoolerConsole(),
    shells: new HeldShells(),
  }
  return new Stack(shared, options.progress, options.signal)
}

/**
 * A stack of containers on an engine, new or existing. Its methods throw SimdgresError: ERR_UNAVAILABLE where something
 * is not there or does not become healthy, ERR_RESOURCE for what the engine refuses, ERR_LOST_CONNECTION where the
 * engine went away, ERR_ABORTED once `signal` has fired.
 */
export class Stack {
  readonly progress: Progress
  readonly signal: AbortSignal
  readonly #shared: Shared
  #steady: Stack | undefined

  constructor(shared: Shared, progress: Progress, signal: AbortSignal) {
    this.#shared = shared
    this.progress = progress
    this.signal = signal
  }

  /**
   * This stack, deaf to Ctrl-C: for what must not be left half done, and for undoing what was begun. It shares settings
   * and everything else with this one.
   */
  get steady(): Stack {
    this.#steady ??= new Stack(this.#shared, this.progress, new AbortController().signal)
    return this.#steady
  }

  /** The project, which all containers, volumes and networks carry in their names. */
  get name(): string {
    return this.settings['STACK_PROJECT']!
  }

  /** Absolute. */
  get folder(): string {
    return this.#shared.settings.folder
  }

  get engine(): Engine {
    return this.#shared.engine
  }

  /** Variables of .env, the shell's on top. */
  get settings(): Readonly<Record<string, string>> {
    return this.#shared.settings.values
  }

  /** The compose file with the present settings. */
  get compose(): ComposeFile {
    return this.#shared.settings.compose
  }

  /** Name in the networks of the server that takes writes: `postgres`, or `postgres-green` after a switchover. */
  get primary(): string {
    return this.settings['STACK_PRIMARY'] || databaseService
  }

  /** The role that owns the cluster. */
  get superuser(): string {
    return this.compose.services[databaseService]!.environment['POSTGRES_USER'] || 'postgres'
  }

  /** The application's database. */
  get database(): string {
    return this.compose.services[databaseService]!.environment['POSTGRES_DB'] || this.superuser
  }

  get names(): StackNames {
    return {
      project: this.name,
      folder: this.folder,
      dataFolder: this.settings['STACK_DATA_DIR'] || undefined,
      compose: this.compose,
    }
  }

  /** Writes variables into .env, keeping its other lines, and reads the compose file again. `undefined` removes. */
  async updateSettings(changes: Readonly<Record<string, string | undefined>>): Promise<void> {
    this.#requireChanges('write .env')
    await this.#shared.settings.update(changes)
  }

  /** Reads the compose file as if `changes` were in .env. */
  previewSettings(changes: Readonly<Record<string, string>>): void {
    this.#shared.settings.preview(changes)
  }

  /** `<project>-<name>-1` */
  containerName(name: string): string {
    return `${this.name}-${name}-1`
  }

  /** `<project>_<name>` */
  volumeName(name: string): string {
    return `${this.name}_${name}`
  }

  networkName(name: string): string {
    return `${this.name}_${name}`
  }

  /** By service, or by the name that ServiceChanges gave. */
  findContainer(name: string): Promise<Container | undefined> {
    return findContainer(this.engine, this.containerName(name))
  }

  /** @throws ERR_UNAVAILABLE where there is none. */
  async container(name: string): Promise<Container> {
    const found = await this.findContainer(name)
    if (found) return found
    throw new SimdgresError(
      'ERR_UNAVAILABLE',
      `The stack ${this.name} has no container ${this.containerName(name)}`,
      'Start the stack: simdgres up. A stack in another folder: --dir.',
    )
  }

  /** Whether its container runs, or is being restarted by the engine after a crash. False where there is none. */
  async isRunning(name: string): Promise<boolean> {
    const container = await this.findContainer(name)
    return container !== undefined && (await readState(container)).isRunning
  }

  /** Builds the service's image if its sources have changed. Resolves to its id. */
  async ensureImage(service: string): Promise<string> {
    const { image, build } = this.#service(service)
    const source = JSON.stringify([image, build])
    const known = this.#shared.images.get(source)
    if (known !== undefined) return known
    const id = this.#shared.readOnly
      ? await this.#findImage(service)
      : await ensureServiceImage(this.engine, this.#service(service), this.progress, this.signal)
    this.#shared.images.set(source, id)
    return id
  }

  /**
   * Creates and starts it, in place of one of the same name whose settings differ; waits until it is healthy.
   * @param timeoutMs longest wait, by default 180 s; give crash recovery of a large database more.
   */
  async startService(
    service: string,
    changes: ServiceChanges = {},
    timeoutMs = defaultHealthTimeoutMs,
  ): Promise<Container> {
    const { container } = await this.applyService(service, changes)
    await waitForHealth(container, this.#nameOf(service, changes), timeoutMs, this.signal)
    return container
  }

  /** Starts it as `startService` does, without waiting, and says what had to be done. */
  async applyService(
    service: string,
    changes: ServiceChanges = {},
  ): Promise<{ container: Container; change: ServiceChange }> {
    this.#requireChanges(`start ${service}`)
    const named = { ...changes, ...(service === databaseService && { name: this.#nameOf(service, changes) }) }
    const imageId = await this.#imageFor(service, named)
    const plan = planService(service, named, imageId, this.names)
    for (const { Type, Source } of plan.options.HostConfig?.Mounts ?? []) {
      if (Type === 'volume') await ensureVolume(this.engine, this.name, Source)
    }
    return applyPlan(this.engine, plan, this.signal)
  }

  /** What `applyService` would do. */
  async previewService(service: string): Promise<ServiceChange> {
    const name = this.#nameOf(service, {})
    const container = await this.findContainer(name)
    if (!container) return 'created'
    const imageId = await findCurrentImage(this.engine, this.#service(service))
    if (imageId === undefined) return 'recreated'
    // A secret that is not made yet is a new one.
    if (hasMissingSecret(this.#service(service), this.compose)) return 'recreated'
    const changes = service === databaseService ? { name } : {}
    return previewPlan(container, planService(service, changes, imageId, this.names))
  }

  /** Starts a stopped container as it was made, even where settings have changed since. */
  async startAgain(name: string): Promise<void> {
    this.#requireChanges(`start ${name}`)
    const container = await this.container(name)
    await startCreated(this.engine, container, name)
  }

  /** Waits for the health check; without one, until it runs. Throws with the last log lines where it ended. */
  async waitUntilHealthy(name: string, timeoutMs = defaultHealthTimeoutMs): Promise<void> {
    await waitForHealth(await this.container(name), name, timeoutMs, this.signal)
  }

  /** Graceful, within the service's grace period. No error where it is down or gone. */
  async stopService(name: string): Promise<void> {
    this.#requireChanges(`stop ${name}`)
    const container = await this.findContainer(name)
    if (container) await stopContainer(container, name)
  }

  /** Stops gracefully and removes the container; volumes stay. */
  async removeService(name: string): Promise<void> {
    this.#requireChanges(`remove ${name}`)
    const container = await this.findContainer(name)
    if (!container) return
    await stopContainer(container, name)
    await removeStopped(container, name)
  }

  /** Creates the stack's volume `name` unless it is there, labelled as the stack's. Resolves to its full name. */
  async ensureVolume(name: string): Promise<string> {
    this.#requireChanges(`make the volume ${name}`)
    return ensureVolume(this.engine, this.name, this.volumeName(name))
  }

  /** No error where it is gone. */
  async removeVolume(name: string): Promise<void> {
    this.#requireChanges(`remove the volume ${name}`)
    return removeStackVolume(this.engine, this.volumeName(name))
  }

  /** Names, without the stack's prefix, of the volumes that exist. */
  listVolumes(): Promise<readonly string[]> {
    return listStackVolumes(this.engine, this.name)
  }

  /** Runs a command in a running container. A non-zero exit code is a result, not an error. */
  async exec(name: string, argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    return execIn(await this.container(name), name, argv, {
      ...options,
      environment: { ...options.environment, ...this.#environmentIn(name) },
      signal: this.#join(options.signal),
    })
  }

  async runOneShot(argv: readonly string[], options: OneShotOptions): Promise<ExecResult> {
    const { service, stdin, output, signal, ...changes } = options
    const name = changes.name ?? `${service}-run-${randomBytes(4).toString('hex')}`
    const imageId = await this.#imageFor(service, changes)
    const named = { ...changes, name }
    const plan = planOneShot(service, argv, named, imageId, this.names, this.containerName(name))
    for (const { Type, Source } of plan.options.HostConfig?.Mounts ?? []) {
      if (Type !== 'volume') continue
      if (this.#shared.readOnly) await this.#requireVolume(Source)
      else await ensureVolume(this.engine, this.name, Source)
    }
    return runToEnd(this.engine, plan, {
      ...(stdin !== undefined && { stdin }),
      ...(output && { output }),
      signal: this.#join(signal),
    })
  }

  /** The last lines of its log. */
  async logs(name: string, lines = 20): Promise<string> {
    try {
      return await readLastLines(await this.container(name), lines)
    } catch (error) {
      throw engineError(error, `reading the log of ${name}`)
    }
  }

  /**
   * Runs SQL as the superuser over the socket inside the server's container. Resolves to the rows of all statements, as
   * text, null for NULL.
   * @throws ERR_CHECK_FAILED with the server's message where a statement fails.
   */
  async query(
    sql: string,
    { database = this.database, service = this.primary }: QueryOptions = {},
  ): Promise<readonly (readonly (string | null)[])[]> {
    const argv = superuserCommand(this.superuser, database)
    const command = { argv, stdin: sql, signal: this.signal }
    const container = await this.container(service)
    const result = await this.#shared.shells.run(container, service, command, this.#environmentIn(service))
    requireSuccess(result, `The statement "${shorten(sql)}"`)
    return parseRows(result.stdout)
  }

  /** Runs a command of PgBouncer's admin console. Resolves to one object for each row, keyed by column. */
  async poolerAdmin(command: string): Promise<readonly Readonly<Record<string, string>>[]> {
    if (!command.startsWith('SHOW ')) this.#requireChanges(`send ${command} to the pool`)
    return this.#shared.console.ask(this, command)
  }

  /** Has poolerAdmin use one session until the returned function is called: for a time in which clients wait for it. */
  holdPoolerConsole(): Promise<() => Promise<void>> {
    return this.#shared.console.hold(this)
  }

  /** Points the pool at another server by its name in the networks, now and after a restart (pool/databases.ini). */
  async repointPool(serverName: string): Promise<void> {
    this.#requireChanges('point the pool elsewhere')
    await writePoolFile(this, serverName)
    await this.poolerAdmin('RELOAD')
  }

  /** For commands in the container `name`. psql and its like pass it on; the pool takes no such parameter. */
  #environmentIn(name: string): Readonly<Record<string, string>> {
    if (!this.#shared.readOnly || name === poolerService) return {}
    return { PGOPTIONS: '-c default_transaction_read_only=on' }
  }

  #service(name: string): ComposeService {
    const service = this.compose.services[name]
    if (service) return service
    const known = Object.keys(this.compose.services).join(', ')
    throw invalidArgument('a service', `one of ${known}`, name)
  }

  /** @throws Error, which is shown as a defect. */
  #requireChanges(what: string): void {
    if (this.#shared.readOnly) throw new Error(`A dry run was about to ${what}`)
  }

  async #findImage(service: string): Promise<string> {
    const id = await findCurrentImage(this.engine, this.#service(service))
    if (id !== undefined) return id
    throw new SimdgresError(
      'ERR_UNAVAILABLE',
      `The image of ${service} is not built, which a dry run does not do`,
      'Build it first: simdgres up.',
    )
  }

  /** A container that mounts a volume which is not there makes it. `name` is the full one. */
  async #requireVolume(name: string): Promise<void> {
    if ((await this.listVolumes()).some((own) => this.volumeName(own) === name)) return
    throw new SimdgresError(
      'ERR_UNAVAILABLE',
      `The stack ${this.name} has no volume ${name}, and a dry run does not make one`,
      'Start the stack first: simdgres up.',
    )
  }

  async #imageFor(service: string, { image }: ServiceChanges): Promise<string> {
    return image === undefined ? this.ensureImage(service) : findServiceImage(this.engine, image)
  }

  /** Unless told otherwise, the database is the primary, whatever its name is now. */
  #nameOf(service: string, changes: ServiceChanges): string {
    return changes.name ?? (service === databaseService ? this.primary : service)
  }

  #join(signal: AbortSignal | undefined): AbortSignal {
    return signal ? AbortSignal.any([this.signal, signal]) : this.signal
  }
}

function shorten(sql: string): string {
  const line = sql.replace(/\s+/g, ' ').trim()
  return line.length > 80 ? `${line.slice(0, 77)}...` : line
}
