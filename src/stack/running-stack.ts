import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type Docker from 'dockerode'
import type { Container } from 'dockerode'
import { loadComposeFile } from '../config/compose-file.js'
import type { ComposeFile, ComposeService } from '../config/compose-schema.js'
import { composePath } from '../config/stack.js'
import {
  applyPlan,
  findContainer,
  previewPlan,
  removeStopped,
  type ServiceChange,
  stopContainer,
} from '../engine/apply-plan.js'
import { readLastLines } from '../engine/container.js'
import { connectEngine, engineError } from '../engine/engine.js'
import type { ExecOptions, ExecResult } from '../engine/exec.js'
import { execIn } from '../engine/exec.js'
import { defaultHealthTimeoutMs, waitForHealth } from '../engine/health.js'
import { ensureServiceImage, findCurrentImage, findServiceImage } from '../engine/image.js'
import { runToEnd } from '../engine/one-shot.js'
import { ensureVolume, listStackVolumes, removeStackVolume } from '../engine/volumes.js'
import { invalidArgument, SimdgresError } from '../errors.js'
import type { Progress } from '../progress.js'
import { writeFileAtomically } from '../system/atomic-file.js'
import { makeFolder } from '../system/folder.js'
import type {
  OneShotOptions,
  QueryOptions,
  ServiceChanges,
  Stack,
  StackNames,
  StackOptions,
  StartOptions,
} from './project.js'
import { parseRows, parseTable, poolerAdminCommand, requireSuccess, superuserCommand } from './server/sql.js'
import { PsqlSession } from './server/sql-session.js'
import { planOneShot, planService } from './services/service-plan.js'
import { readSettings, writeSettings } from './settings.js'

export const databaseService = 'postgres'
export const poolerService = 'pgbouncer'

/** A stack on the engine of DOCKER_HOST or of the default socket. */
export class RunningStack implements Stack {
  readonly folder: string
  readonly engine: Docker = connectEngine()
  readonly progress: Progress
  readonly signal: AbortSignal
  readonly #project: string | undefined
  #settings: Readonly<Record<string, string>>
  #compose: ComposeFile
  /** Built or checked by this object: not looked at again. */
  readonly #images = new Map<string, string>()
  #poolerConsole: PsqlSession | undefined

  constructor({ folder, project, progress, signal }: StackOptions & { readonly folder: string }) {
    this.folder = folder
    this.progress = progress
    this.signal = signal
    this.#project = project
    this.#settings = readSettings(folder, project)
    this.#compose = loadComposeFile(composePath, this.#settings)
  }

  get name(): string {
    return this.#settings['STACK_PROJECT']!
  }

  get settings(): Readonly<Record<string, string>> {
    return this.#settings
  }

  get compose(): ComposeFile {
    return this.#compose
  }

  get primary(): string {
    return this.#settings['STACK_PRIMARY'] || databaseService
  }

  get names(): StackNames {
    return {
      project: this.name,
      folder: this.folder,
      dataFolder: this.#settings['STACK_DATA_DIR'] || undefined,
      compose: this.#compose,
    }
  }

  async updateSettings(changes: Readonly<Record<string, string | undefined>>): Promise<void> {
    await makeFolder(this.folder, 0o700)
    await writeSettings(this.folder, changes)
    this.#settings = readSettings(this.folder, this.#project)
    this.#compose = loadComposeFile(composePath, this.#settings)
  }

  /** Reads the compose file as if `changes` were in .env. */
  previewSettings(changes: Readonly<Record<string, string>>): void {
    this.#settings = { ...readSettings(this.folder, this.#project), ...changes }
    this.#compose = loadComposeFile(composePath, this.#settings)
  }

  /** What `applyService` would do. */
  async previewService(service: string): Promise<ServiceChange> {
    const name = this.#nameOf(service, {})
    const container = await this.findContainer(name)
    if (!container) return 'created'
    const imageId = await findCurrentImage(this.engine, this.#service(service))
    if (imageId === undefined) return 'recreated'
    const changes = service === databaseService ? { name } : {}
    return previewPlan(container, planService(service, changes, imageId, this.names))
  }

  containerName(name: string): string {
    return `${this.name}-${name}-1`
  }

  volumeName(name: string): string {
    return `${this.name}_${name}`
  }

  networkName(name: string): string {
    return `${this.name}_${name}`
  }

  findContainer(name: string): Promise<Container | undefined> {
    return findContainer(this.engine, this.containerName(name))
  }

  async container(name: string): Promise<Container> {
    const found = await this.findContainer(name)
    if (found) return found
    throw new SimdgresError(
      'ERR_UNAVAILABLE',
      `The stack ${this.name} has no container ${this.containerName(name)}`,
      'Start the stack: simdgres up. A stack in another folder: --dir.',
    )
  }

  async ensureImage(service: string): Promise<string> {
    const known = this.#images.get(service)
    if (known !== undefined) return known
    const id = await ensureServiceImage(this.engine, this.#service(service), this.progress, this.signal)
    this.#images.set(service, id)
    return id
  }

  async startService(
    service: string,
    changes: ServiceChanges = {},
    { withoutWaiting = false, timeoutMs = defaultHealthTimeoutMs }: StartOptions = {},
  ): Promise<Container> {
    const { container } = await this.applyService(service, changes)
    if (!withoutWaiting) {
      await waitForHealth(container, this.#nameOf(service, changes), timeoutMs, this.signal)
    }
    return container
  }

  /** Starts it as `startService` does, without waiting, and says what had to be done. */
  async applyService(
    service: string,
    changes: ServiceChanges = {},
  ): Promise<{ container: Container; change: ServiceChange }> {
    const named = { ...changes, ...(service === databaseService && { name: this.#nameOf(service, changes) }) }
    const imageId = await this.#imageFor(service, named)
    const plan = planService(service, named, imageId, this.names)
    for (const { Type, Source } of plan.options.HostConfig?.Mounts ?? []) {
      if (Type === 'volume') await ensureVolume(this.engine, this.name, Source)
    }
    return applyPlan(this.engine, plan, this.signal)
  }

  async recreateService(
    service: string,
    changes: ServiceChanges = {},
    options: StartOptions = {},
  ): Promise<Container> {
    await this.removeService(this.#nameOf(service, changes))
    return this.startService(service, changes, options)
  }

  async waitUntilHealthy(name: string, timeoutMs = defaultHealthTimeoutMs): Promise<void> {
    await waitForHealth(await this.container(name), name, timeoutMs, this.signal)
  }

  async stopService(name: string): Promise<void> {
    const container = await this.findContainer(name)
    if (container) await stopContainer(container, name)
  }

  async removeService(name: string): Promise<void> {
    const container = await this.findContainer(name)
    if (!container) return
    await stopContainer(container, name)
    await removeStopped(container, name)
  }

  ensureVolume(name: string): Promise<string> {
    return ensureVolume(this.engine, this.name, this.volumeName(name))
  }

  removeVolume(name: string): Promise<void> {
    return removeStackVolume(this.engine, this.volumeName(name))
  }

  listVolumes(): Promise<readonly string[]> {
    return listStackVolumes(this.engine, this.name)
  }

  async exec(name: string, argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    return execIn(await this.container(name), name, argv, { ...options, signal: this.#join(options.signal) })
  }

  async runOneShot(argv: readonly string[], options: OneShotOptions): Promise<ExecResult> {
    const { service, stdin, output, signal, ...changes } = options
    const name = changes.name ?? `${service}-run-${randomBytes(4).toString('hex')}`
    const plan = planOneShot(
      service,
      argv,
      { ...changes, name },
      await this.#imageFor(service, changes),
      this.names,
      this.containerName(name),
    )
    for (const { Type, Source } of plan.options.HostConfig?.Mounts ?? []) {
      if (Type === 'volume') await ensureVolume(this.engine, this.name, Source)
    }
    return runToEnd(this.engine, plan, {
      ...(stdin !== undefined && { stdin }),
      ...(output && { output }),
      signal: this.#join(signal),
    })
  }

  async logs(name: string, lines = 20): Promise<string> {
    try {
      return await readLastLines(await this.container(name), lines)
    } catch (error) {
      throw engineError(error, `reading the log of ${name}`)
    }
  }

  async query(
    sql: string,
    { database, service = this.primary }: QueryOptions = {},
  ): Promise<readonly (readonly (string | null)[])[]> {
    const { environment } = this.#service(databaseService)
    const user = environment['POSTGRES_USER'] || 'postgres'
    const argv = superuserCommand(user, database ?? (environment['POSTGRES_DB'] || user))
    const result = await this.exec(service, argv, { stdin: sql })
    requireSuccess(result, `The statement "${shorten(sql)}"`)
    return parseRows(result.stdout)
  }

  async poolerAdmin(command: string): Promise<readonly Readonly<Record<string, string>>[]> {
    const console = this.#poolerConsole
    if (console) {
      try {
        return parseTable(await console.ask(command))
      } catch (error) {
        this.#poolerConsole = undefined
        // A PgBouncer that was started anew meanwhile can still be asked.
        if (!(error instanceof SimdgresError) || error.code !== 'ERR_UNAVAILABLE') throw error
      }
    }
    const result = await this.exec(poolerService, poolerAdminCommand, { stdin: `${command};\n` })
    requireSuccess(result, `PgBouncer's command ${command}`)
    return parseTable(result.stdout)
  }

  async holdPoolerConsole(): Promise<() => Promise<void>> {
    const console = new PsqlSession(this, poolerService, poolerAdminCommand)
    await console.ask('SHOW VERSION')
    this.#poolerConsole = console
    return async () => {
      this.#poolerConsole = undefined
      await console.close().catch(() => undefined)
    }
  }

  async repointPool(serverName: string): Promise<void> {
    await this.writePoolFile(serverName)
    await this.poolerAdmin('RELOAD')
  }

  /** Says which server the pool goes to; PgBouncer reads it at its start and on RELOAD. */
  async writePoolFile(serverName: string): Promise<void> {
    const folder = join(this.folder, 'pool')
    // Read by a service's user, and no secret.
    await makeFolder(folder, 0o755)
    const text = `[databases]\n* = host=${serverName} port=5432\n`
    await writeFileAtomically(join(folder, 'databases.ini'), [Buffer.from(text)])
  }

  #service(name: string): ComposeService {
    const service = this.#compose.services[name]
    if (service) return service
    const known = Object.keys(this.#compose.services).join(', ')
    throw invalidArgument('a service', `one of ${known}`, name)
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
