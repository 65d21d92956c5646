import type { ComposeFile } from '../../config/compose-schema.js'

/** What differs from the service as the compose file describes it. */
export interface ServiceChanges {
  /** Name in the networks and in the container's name in place of the service's: `postgres-green`. */
  readonly name?: string
  /** Image to use as it is, by id or tag; by default the service's own, built if needed. */
  readonly image?: string
  /** Replaces the image's entry point. */
  readonly entrypoint?: readonly string[]
  readonly command?: readonly string[]
  /** Added to the service's variables; replaces those of the same name. */
  readonly environment?: Readonly<Record<string, string>>
  readonly user?: string
  /** By volume of the compose file, the volume of the stack to use instead: `postgres_data: 'postgres_data_2'`. */
  readonly volumes?: Readonly<Record<string, string>>
  readonly mounts?: readonly ExtraMount[]
  /** By default the service's; `no` for one that has to stay down. */
  readonly restart?: string
  /** Networks of the compose file, in place of the service's. */
  readonly networks?: readonly string[]
  readonly labels?: Readonly<Record<string, string>>
}

/** A mount beside those of the service. */
export interface ExtraMount {
  /** Volume of the stack, or absolute folder of the host. */
  readonly source: string
  readonly target: string
  readonly readOnly?: boolean
}

/** What a service's create options depend on beside the service itself. */
export interface StackNames {
  readonly project: string
  /** Absolute. */
  readonly folder: string
  /** STACK_DATA_DIR, where it is set. */
  readonly dataFolder: string | undefined
  readonly compose: ComposeFile
}
