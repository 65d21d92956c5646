import type { ConnectionOptions } from 'node:tls'
import type { Progress } from '../progress.js'

/** How to reach a deployed server. The password never goes to argv, logs or result files. */
export interface ConnectionInfo {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
  /** How to encrypt the connection to a server elsewhere; missing or false for plain TCP to a server of ours. */
  readonly ssl?: false | Pick<ConnectionOptions, 'rejectUnauthorized' | 'checkServerIdentity' | 'ca'>
  /** Command-line options for the server process, as in PGOPTIONS: `-c work_mem=64MB`, or a provider's `project=...`. */
  readonly options?: string
  /** Shown in pg_stat_activity; `simdgres` if left out. */
  readonly applicationName?: string
  /** Limit for one attempt, in place of the caller's own. */
  readonly connectTimeoutMs?: number
  /** Bind the authentication to the TLS connection, if the server offers that. */
  readonly enableChannelBinding?: boolean
}

/** What a caller may ask of a server. Everything left out is computed from the machine. */
export interface DeploySettings {
  /** Memory the server may use, bytes: the container's limit, or what `local` is tuned for. */
  readonly memoryBytes?: number
  /** Processors the server may use; fractions are fine. */
  readonly cpus?: number
  /** Server parameters by their PostgreSQL name (`shared_buffers`: '2GB'); they win over computed ones. */
  readonly parameters?: Readonly<Record<string, string>>
  /** PostgreSQL major version of the image. */
  readonly pgMajor?: number
  /** Host port on 127.0.0.1; a free one if left out. */
  readonly port?: number
  /** Forced instruction set of the extension (SIMDGRES_ISA). */
  readonly isa?: string
  /** For `docker`: another image than the one built from the present sources. */
  readonly image?: ImageSource
}

/** An image that the engine has, or that it builds from the sources in a folder. */
export interface ImageSource {
  readonly name: string
  /** Absolute path of a checkout of this project; missing: the image is there already. */
  readonly context?: string
}

/** What the server has used since it was last started. */
export interface TargetStats {
  readonly memoryBytes: number
  readonly memoryPeakBytes: number
  readonly cpuSeconds: number
}

/** The kernel was told to forget the files of a server. */
export interface DroppedPages {
  /** Bytes of them that it still holds; missing where nobody could look. */
  readonly leftBytes?: number
}

/** What a server may use at most. */
export interface ServerLimits {
  readonly cpus: number
  readonly memoryBytes: number
}

export type TargetId = 'docker' | 'local' | 'url'

export interface Target {
  readonly id: TargetId
  /** Resolves when the server answers queries over TCP. Rejects with nothing left behind. */
  deploy(settings: DeploySettings): Promise<ConnectionInfo>
  /** True if `deploy` continued with the data of a killed run of the same `resumeKey` instead of an empty database. */
  readonly resumed: boolean
  /**
   * Restarts the deployed server with `settings`, in place of the former ones, on the same data. The port may change.
   * If the server does not start with them, this rejects with its last log lines. The data is untouched: another
   * `reconfigure`, with the former settings for example, starts the server again. Rejects with ERR_INVALID_ARGUMENT for a
   * server that is not ours, and for another major version.
   */
  reconfigure(settings: DeploySettings): Promise<ConnectionInfo>
  /** Limits of the deployed server; undefined if it has none of its own, or if they are unknown. */
  readonly limits?: ServerLimits | undefined
  /** Makes the kernel forget the files of the running server: undefined where that cannot be done, and they are kept. */
  dropPageCache(): Promise<DroppedPages | undefined>
  /** Undefined if the target cannot know, because the server is not ours. */
  stats(): Promise<TargetStats | undefined>
  /** Ends what `deploy` started and removes its data. Safe to call twice, or before `deploy` has finished. */
  stop(): Promise<void>
}

export interface TargetOptions {
  readonly progress: Progress
  readonly signal: AbortSignal
  /** For `url`: postgres://user:password@host:port/database. */
  readonly url?: string
  /**
   * Names the work, for `docker` and `local`: the data of a run with the same key and the same settings that was killed
   * (SIGKILL, power cut) is taken over by `deploy`. `stop` removes the data as always.
   */
  readonly resumeKey?: string
}
