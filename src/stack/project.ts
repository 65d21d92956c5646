import type Docker from 'dockerode'
import type { Container } from 'dockerode'
import type { ComposeFile } from '../config/compose-schema.js'
import type { ExecOptions, ExecResult } from '../engine/exec.js'
import type { Progress } from '../progress.js'

/** Where a stack lives and who hears about work on it. */
export interface StackOptions {
  /** Folder with .env, secrets and pool settings; else STACK_DIR, else ./simdgres-stack. */
  readonly folder?: string
  /** Name that all containers, volumes and networks carry; else STACK_PROJECT of the shell or of .env, else `simdgres`. */
  readonly project?: string
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** What differs from the service as the compose file describes it. */
export interface ServiceChanges {
  /** Name in the networks and in the container's name in place of the service's: `postgres-green`. */
  readonly name?: string
  /** Image to use as it is, by id or tag; the service's own is built if needed. */
  readonly image?: string
  /** Replaces the image's entry point. */
  readonly entrypoint?: readonly string[]
  readonly command?: readonly string[]
  /** Added to the service's, or in place of values there. */
  readonly environment?: Readonly<Record<string, string>>
  readonly user?: string
  /** By volume of the compose file: another volume of the stack (`postgres_data`: 'postgres_data_green'). */
  readonly volumes?: Readonly<Record<string, string>>
  /** More mounts: volume of the stack, or absolute folder of the host; `/target` inside. */
  readonly mounts?: readonly ExtraMount[]
  /** By default the service's; `no` for one that has to stay down. */
  readonly restart?: string
  /** Names of the compose file in place of the service's. */
  readonly networks?: readonly string[]
  readonly labels?: Readonly<Record<string, string>>
}

export interface ExtraMount {
  readonly source: string
  readonly target: string
  readonly readOnly?: boolean
}

/** A container that runs one command with a service's image, limits, secrets and hardening, then is removed. */
export interface OneShotOptions extends ServiceChanges, Omit<ExecOptions, 'user' | 'environment'> {
  /** Service of the compose file it is like. It publishes no port and has neither health check nor restart policy. */
  readonly service: string
}

export interface StartOptions {
  /** Resolve when it runs, not when it is healthy. */
  readonly withoutWaiting?: boolean
  /** Longest wait for its health. By default 180 s; give crash recovery of a large database more. */
  readonly timeoutMs?: number
}

export interface QueryOptions {
  /** By default POSTGRES_DB of the stack. */
  readonly database?: string
  /** Container to ask, by its name in the networks; by default the primary. */
  readonly service?: string
}

/**
 * A stack of containers on an engine, new or existing. All methods throw SimdgresError: ERR_UNAVAILABLE where
 * something is not there or does not become healthy, ERR_RESOURCE for what the engine refuses, ERR_LOST_CONNECTION
 * where it went away, ERR_ABORTED.
 */
export interface Stack {
  readonly name: string
  /** Absolute. */
  readonly folder: string
  readonly engine: Docker
  readonly progress: Progress
  readonly signal: AbortSignal
  /** The compose file with the present settings; read again by updateSettings. */
  readonly compose: ComposeFile
  /** Variables of .env, the shell's on top. */
  readonly settings: Readonly<Record<string, string>>
  /** Name in the networks of the server that takes writes: `postgres`, or `postgres-green` after a switchover. */
  readonly primary: string

  /** Writes variables into .env, keeping its other lines, and reads the compose file again. `undefined` removes. */
  updateSettings(changes: Readonly<Record<string, string | undefined>>): Promise<void>

  /** `<project>-<name>-1` */
  containerName(name: string): string
  /** `<project>_<name>` */
  volumeName(name: string): string
  networkName(name: string): string

  /** By service, or by the name that ServiceChanges gave. */
  findContainer(name: string): Promise<Container | undefined>
  /** @throws ERR_UNAVAILABLE where there is none. */
  container(name: string): Promise<Container>

  /** Builds the service's image if its sources have changed. Resolves to its id. */
  ensureImage(service: string): Promise<string>
  /** Creates and starts it, in place of one of the same name whose settings differ; waits until it is healthy. */
  startService(service: string, changes?: ServiceChanges, options?: StartOptions): Promise<Container>
  /** Removes its container (never a volume) and starts it anew. */
  recreateService(service: string, changes?: ServiceChanges, options?: StartOptions): Promise<Container>
  /** Waits for the health check; without one, until it runs. Throws with the last log lines where it ended. */
  waitUntilHealthy(name: string, timeoutMs?: number): Promise<void>
  /** Graceful, within the service's grace period. No error where it is down or gone. */
  stopService(name: string): Promise<void>
  /** Stops gracefully and removes the container; volumes stay. */
  removeService(name: string): Promise<void>

  /** Creates the stack's volume `name` unless it is there, labelled as the stack's. Resolves to its full name. */
  ensureVolume(name: string): Promise<string>
  /** No error where it is gone. */
  removeVolume(name: string): Promise<void>
  /** Names, without the stack's prefix, of the volumes that exist. */
  listVolumes(): Promise<readonly string[]>

  /** Runs a command in a running container. A non-zero exit code is a result, not an error. */
  exec(name: string, argv: readonly string[], options?: ExecOptions): Promise<ExecResult>
  runOneShot(argv: readonly string[], options: OneShotOptions): Promise<ExecResult>
  /** The last lines of its log. */
  logs(name: string, lines?: number): Promise<string>

  /**
   * Runs SQL as the superuser over the socket inside the server's container. Resolves to the rows of all statements, as
   * text, null for NULL.
   * @throws ERR_CHECK_FAILED with the server's message where a statement fails.
   */
  query(sql: string, options?: QueryOptions): Promise<readonly (readonly (string | null)[])[]>
  /** Runs a command of PgBouncer's admin console. Resolves to one object for each row, keyed by column. */
  poolerAdmin(command: string): Promise<readonly Readonly<Record<string, string>>[]>
  /** Has poolerAdmin use one session until the returned function is called: for a time in which clients wait for it. */
  holdPoolerConsole(): Promise<() => Promise<void>>
  /** Points the pool at another server by its name in the networks, now and after a restart (pool/databases.ini). */
  repointPool(serverName: string): Promise<void>
}

/** What service options depend on beside the service itself. */
export interface StackNames {
  readonly project: string
  readonly folder: string
  readonly dataFolder: string | undefined
  readonly compose: ComposeFile
}
