import { z } from 'zod'

/**
 * The fields that we write, as CloudNativePG 1.30 and the Prometheus operator define them. Written from their
 * references; `custom-resources.test.ts` holds the manifests against the operator's own definitions where it has them.
 */
const quantity = z.string().regex(/^\d+(\.\d+)?(m|[KMGT]i)?$/)
const amounts = z.strictObject({ cpu: quantity, memory: quantity })
const resources = z.strictObject({ requests: amounts, limits: amounts })
const label = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/)
const cluster = z.strictObject({ name: label })
const metadata = z.strictObject({ name: label, namespace: label.optional() })
const strings = z.record(z.string(), z.string())
const image = z.strictObject({ reference: z.string() })

const make = <K extends string, S extends z.ZodType>(kind: K, spec: S) =>
  z.strictObject({
    apiVersion: z.literal(kind === 'PodMonitor' ? 'monitoring.coreos.com/v1' : 'postgresql.cnpg.io/v1'),
    kind: z.literal(kind),
    metadata,
    spec,
  })

export const clusterSchema = make(
  'Cluster',
  z
    .strictObject({
      instances: z.number().int().min(1),
      imageName: z.string().optional(),
      imageCatalogRef: z
        .strictObject({
          apiGroup: z.literal('postgresql.cnpg.io'),
          kind: z.literal('ClusterImageCatalog'),
          name: z.string(),
          major: z.number().int(),
        })
        .optional(),
      bootstrap: z.strictObject({
        initdb: z.strictObject({ database: z.string(), owner: z.string(), dataChecksums: z.boolean() }),
      }),
      storage: z.strictObject({ size: quantity, storageClass: z.string().optional() }),
      resources,
      ephemeralVolumesSizeLimit: z.strictObject({ shm: quantity }),
      env: z.array(z.strictObject({ name: z.string().regex(/^(?!PG|CNPG_)/), value: z.string() })),
      postgresql: z.strictObject({
        parameters: strings,
        extensions: z
          .array(
            z.strictObject({
              name: z.string().regex(/^[a-z0-9]([-a-z0-9_]*[a-z0-9])?$/),
              image: image.optional(),
            }),
          )
          .optional(),
      }),
      backup: z
        .strictObject({
          volumeSnapshot: z.strictObject({ className: z.string().optional(), online: z.boolean() }),
        })
        .optional(),
      plugins: z
        .array(
          z.strictObject({
            name: z.string(),
            isWALArchiver: z.boolean(),
            parameters: z.strictObject({ barmanObjectName: z.string() }),
          }),
        )
        .optional(),
    })
    .refine((spec) => (spec.imageName === undefined) !== (spec.imageCatalogRef === undefined)),
)

export const poolerSchema = make(
  'Pooler',
  z.strictObject({
    cluster,
    type: z.enum(['rw', 'ro']),
    instances: z.number().int().min(1),
    pgbouncer: z.strictObject({ poolMode: z.enum(['session', 'transaction']), parameters: strings }),
    template: z.strictObject({
      metadata: z.strictObject({ labels: strings }),
      spec: z.strictObject({
        containers: z.array(z.strictObject({ name: z.literal('pgbouncer'), resources })),
      }),
    }),
  }),
)

export const databaseSchema = make(
  'Database',
  z.strictObject({
    cluster,
    name: z.string().regex(/^(?!(postgres|template0|template1)$)/),
    owner: z.string(),
    extensions: z.array(z.strictObject({ name: z.string() })),
  }),
)

export const scheduledBackupSchema = make(
  'ScheduledBackup',
  z.strictObject({
    cluster,
    schedule: z.string().regex(/^(\S+ ){5}\S+$/),
    backupOwnerReference: z.enum(['none', 'self', 'cluster']),
    method: z.enum(['volumeSnapshot', 'plugin']),
    pluginConfiguration: z.strictObject({ name: z.string() }).optional(),
  }),
)

export const podMonitorSchema = make(
  'PodMonitor',
  z.strictObject({
    selector: z.strictObject({ matchLabels: strings }),
    podMetricsEndpoints: z.array(z.strictObject({ port: z.literal('metrics') })),
  }),
)

export const manifestSchema = z.discriminatedUnion('kind', [
  clusterSchema,
  poolerSchema,
  databaseSchema,
  scheduledBackupSchema,
  podMonitorSchema,
])

/**
 * Parameters that the operator keeps for itself, as its documentation of postgresql.conf lists them: a cluster that sets one
 * is refused.
 */
export const fixedParameters = [
  'allow_system_table_mods',
  'archive_cleanup_command',
  'archive_command',
  'archive_mode',
  'cluster_name',
  'config_file',
  'data_directory',
  'data_sync_retry',
  'hba_file',
  'hot_standby',
  'ident_file',
  'jit_provider',
  'listen_addresses',
  'log_destination',
  'log_directory',
  'logging_collector',
  'port',
  'restart_after_crash',
  'restore_command',
  'shared_preload_libraries',
  'ssl',
  'synchronous_standby_names',
  'unix_socket_directories',
]
