import { recommendSettings } from '../config/recommended-settings.js'
import { runTuneScript } from '../config/tune-script.js'
import type { CnpgRequest } from './request.js'

const mib = 1024 ** 2
const gib = 1024 ** 3
const apiVersion = 'postgresql.cnpg.io/v1'
const barmanPlugin = 'barman-cloud.cloudnative-pg.io'

/** An object of Kubernetes, as YAML has it. */
export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly spec: Readonly<Record<string, unknown>>
}

/**
 * The objects of a cluster, in the order in which they depend on each other. The server's parameters are those of the same
 * memory and processors in a container of the stack.
 * @throws ERR_INVALID_ARGUMENT (as rejection) where a size makes no sense to the server.
 */
export async function describeCluster(request: CnpgRequest, signal: AbortSignal): Promise<Manifest[]> {
  const { name, instances, backup } = request
  const make = (kind: string, own: string, spec: Manifest['spec'], version = apiVersion): Manifest => ({
    apiVersion: version,
    kind,
    metadata: { name: own, ...(request.namespace !== undefined && { namespace: request.namespace }) },
    spec,
  })
  // Pods of a pooler carry the cluster's name, too.
  const monitor = (own: string, label: string, role: 'instance' | 'pooler'): Manifest => {
    const matchLabels = { [label]: own, 'cnpg.io/podRole': role }
    const spec = { selector: { matchLabels }, podMetricsEndpoints: [{ port: 'metrics' }] }
    return make('PodMonitor', own, spec, 'monitoring.coreos.com/v1')
  }
  // Standbys take reads; a cluster of one has none.
  const poolers = instances > 1 ? (['rw', 'ro'] as const) : (['rw'] as const)
  return [
    make('Cluster', name, await describeServer(request, signal)),
    make('Database', `${name}-${request.database.replaceAll('_', '-')}`, describeDatabase(request)),
    ...poolers.map((type) => make('Pooler', `${name}-pooler-${type}`, describePooler(request, type))),
    ...(backup.kind === 'none' || request.schedule === 'none'
      ? []
      : [make('ScheduledBackup', `${name}-backup`, describeSchedule(request))]),
    monitor(name, 'cnpg.io/cluster', 'instance'),
    ...poolers.map((type) => monitor(`${name}-pooler-${type}`, 'cnpg.io/poolerName', 'pooler')),
  ]
}

async function describeServer(request: CnpgRequest, signal: AbortSignal): Promise<Manifest['spec']> {
  const { images, memoryBytes, cpus, storageBytes, storageClass, database, owner } = request
  const shmBytes = sharedMemoryOf(memoryBytes)
  const args = ['--memory', memoryBytes, '--cpus', cpus, '--shm', shmBytes, '--disk', storageBytes].map(
    String,
  )
  const parameters = await runTuneScript(args, signal)
  const environment = await runTuneScript([...args, '--print', 'environment'], signal)
  // The same amounts twice: the kernel ends such pods last, and a search has the processors that it was measured on.
  const amounts = { memory: formatQuantity(memoryBytes), cpu: String(cpus) }
  return {
    instances: request.instances,
    ...('catalog' in images
      ? {
          imageCatalogRef: {
            apiGroup: 'postgresql.cnpg.io',
            kind: 'ClusterImageCatalog',
            name: images.catalog,
            major: request.postgres,
          },
        }
      : { imageName: images.operand }),
    bootstrap: { initdb: { database, owner, dataChecksums: true } },
    storage: {
      size: formatQuantity(storageBytes),
      ...(storageClass !== undefined && { storageClass }),
    },
    resources: { requests: amounts, limits: amounts },
    ephemeralVolumesSizeLimit: { shm: formatQuantity(shmBytes) },
    env: environment.map(([name, value]) => ({ name, value })),
    postgresql: {
      parameters: Object.fromEntries(parameters),
      ...(images.kind === 'extension' && {
        extensions: [
          { name: 'pgvector', ...('vector' in images && { image: { reference: images.vector } }) },
          { name: 'simdgres', image: { reference: images.extension } },
        ],
      }),
    },
    ...describeBackup(request),
  }
}

function describeBackup({ backup }: CnpgRequest): Manifest['spec'] {
  if (backup.kind === 'none') return {}
  if (backup.kind === 'object-store') {
    const parameters = { barmanObjectName: backup.name }
    return { plugins: [{ name: barmanPlugin, isWALArchiver: true, parameters }] }
  }
  // Of a server that is stopped meanwhile, a standby where one is healthy: complete without an archive of the log.
  const { className } = backup
  return { backup: { volumeSnapshot: { ...(className !== undefined && { className }), online: false } } }
}

/** The extension requires pgvector, so that comes first. */
function describeDatabase({ name, database, owner }: CnpgRequest): Manifest['spec'] {
  return {
    cluster: { name },
    name: database,
    owner,
    extensions: [{ name: 'vector' }, { name: 'simdgres' }],
  }
}

function describePooler(request: CnpgRequest, type: 'rw' | 'ro'): Manifest['spec'] {
  const { name, instances, cpus, memoryBytes } = request
  const pods = instances > 1 ? 2 : 1
  // Of one server, shared by the pods of its pooler.
  const connections = Number(recommendSettings({ cpus, memoryBytes })['PGBOUNCER_POOL_SIZE'])
  return {
    cluster: { name },
    type,
    instances: pods,
    pgbouncer: {
      poolMode: 'transaction',
      parameters: {
        default_pool_size: String(Math.ceil(connections / pods)),
        max_client_conn: '1000',
        max_prepared_statements: '200',
      },
    },
    template: {
      metadata: { labels: { app: `${name}-pooler-${type}` } },
      spec: {
        containers: [
          {
            name: 'pgbouncer',
            resources: {
              requests: { cpu: '100m', memory: '64Mi' },
              limits: { cpu: '1', memory: '256Mi' },
            },
          },
        ],
      },
    },
  }
}

function describeSchedule({ name, backup, schedule }: CnpgRequest): Manifest['spec'] {
  return {
    cluster: { name },
    schedule,
    backupOwnerReference: 'self',
    ...(backup.kind === 'object-store'
      ? { method: 'plugin', pluginConfiguration: { name: barmanPlugin } }
      : { method: 'volumeSnapshot' }),
  }
}

/** As for a container of the stack (src/config/recommended-settings.ts): parallel builds put an eighth of the memory there. */
function sharedMemoryOf(memoryBytes: number): number {
  return Math.max(64 * mib, Math.floor(memoryBytes / 4 / mib) * mib)
}

function formatQuantity(bytes: number): string {
  return bytes % gib === 0 ? `${bytes / gib}Gi` : `${Math.floor(bytes / mib)}Mi`
}
