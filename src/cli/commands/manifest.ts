import { invalidArgument } from '../../errors.js'
import type { Command, CommandContext } from '../options/command.js'
import { type OptionValues, readFlag, readText } from '../options/option-table.js'
import { readBytes, readCount, readInteger, readPositive } from '../options/option-values.js'

const fallback = { name: 'simdgres', postgres: 18, instances: 3, cpus: 2, schedule: '0 0 2 * * *' }

/** Prints what an operator of Kubernetes takes. */
export const manifest: Command = {
  name: 'manifest',
  positionals: 'cnpg',
  summary: 'print the manifests of a cluster with the extension, for the operator CloudNativePG',
  description:
    'Cluster, database with its extensions, poolers, scheduled backups and monitors, with limits and parameters that are computed as ' +
    'for a container of the stack. Prints alone: nothing is asked or changed, and no secret is in it. docs/kubernetes.md says how ' +
    'the images are made and what was tested.',
  examples: [
    'simdgres manifest cnpg --extension-image team/simdgres:18-0.2.0 --rows 1000000 --dims 768',
    'simdgres manifest cnpg --postgres 17 --image team/postgresql-simdgres:17-0.2.0 --memory 8Gi --cpus 4',
  ],
  options: [
    { name: 'name', value: 'NAME', summary: 'name of the cluster', fallback: fallback.name },
    { name: 'namespace', value: 'NAME', summary: 'namespace of all objects', fallback: "kubectl's" },
    {
      name: 'postgres',
      value: 'MAJOR',
      summary: 'major version, 15 to 18',
      fallback: String(fallback.postgres),
    },
    {
      name: 'extension-image',
      value: 'IMAGE',
      summary: 'image volume with the extension, for 18 and later',
    },
    { name: 'vector-image', value: 'IMAGE', summary: 'image volume of pgvector, with --image' },
    {
      name: 'image',
      value: 'IMAGE',
      summary: 'operand image; without --extension-image it has the extension and pgvector in it',
    },
    {
      name: 'catalog',
      value: 'NAME',
      summary: 'ClusterImageCatalog with the operand and pgvector',
      fallback: 'postgresql-minimal-trixie',
    },
    {
      name: 'instances',
      value: 'N',
      summary: 'one primary and its standbys',
      fallback: String(fallback.instances),
    },
    { name: 'rows', value: 'N', summary: 'rows of vectors: memory and storage follow, if not given' },
    { name: 'dims', value: 'N', summary: 'numbers of a vector, with --rows' },
    { name: 'memory', value: 'SIZE', summary: 'memory of each instance', fallback: '4Gi, or from --rows' },
    {
      name: 'cpus',
      value: 'N',
      summary: 'processors of each instance; parts are allowed',
      fallback: String(fallback.cpus),
    },
    { name: 'storage', value: 'SIZE', summary: 'volume of each instance', fallback: '20Gi, or from --rows' },
    { name: 'storage-class', value: 'NAME', summary: 'class of the volumes', fallback: "the cluster's" },
    { name: 'database', value: 'NAME', summary: 'database with the extensions', fallback: 'app' },
    { name: 'owner', value: 'NAME', summary: 'role that owns it', fallback: 'the same as the database' },
    {
      name: 'object-store',
      value: 'NAME',
      summary: 'back up to this ObjectStore of the Barman Cloud plugin, log included; else by snapshots',
    },
    { name: 'snapshot-class', value: 'NAME', summary: 'VolumeSnapshotClass', fallback: "the cluster's" },
    {
      name: 'schedule',
      value: 'CRON',
      summary: 'when to back up, six fields, or none',
      fallback: `"${fallback.schedule}"`,
    },
    { name: 'output', value: 'FILE', summary: 'write into this file, whole or not at all', fallback: '-' },
  ],
  exits: [[0, 'printed'], 'ERR_INVALID_ARGUMENT', 'ERR_RESOURCE', 'ERR_ABORTED'],
  run,
}

async function run({ arguments: { options, positionals }, signal }: CommandContext): Promise<void> {
  const kind = positionals.length === 1 ? positionals[0] : positionals.join(' ')
  if (kind !== 'cnpg')
    throw invalidArgument('what manifest prints', 'cnpg', kind, 'See simdgres manifest --help.')
  const { describeCluster } = await import('../../manifest/cnpg.js')
  const { printManifests } = await import('../../manifest/print.js')
  const output = readText(options, 'output') ?? '-'
  const counted = await readRows(options)
  const request = await readRequest(options, counted)
  const text = printManifests(await describeCluster(request, signal), request, counted)
  if (output === '-') {
    process.stdout.write(text)
    return
  }
  const { writeFileAtomically } = await import('../../system/atomic-file.js')
  await writeFileAtomically(output, [Buffer.from(text)], { signal })
  if (!readFlag(options, 'quiet')) process.stderr.write(`wrote ${output}\n`)
}

async function readRows(
  options: OptionValues,
): Promise<import('../../manifest/print.js').CountedRows | undefined> {
  const rows = readCount(options, 'rows', 1e12)
  const dims = readInteger(options, 'dims', 1, 16_000)
  if (rows === undefined && dims === undefined) return undefined
  if (rows === undefined || dims === undefined) {
    throw invalidArgument(
      rows === undefined ? '--rows' : '--dims',
      'a number',
      undefined,
      'Give --rows and --dims, or neither.',
    )
  }
  const { estimateSizes } = await import('../../config/vector-storage.js')
  return { rows, dims, sizes: estimateSizes(rows, dims) }
}

async function readRequest(
  options: OptionValues,
  counted: import('../../manifest/print.js').CountedRows | undefined,
): Promise<import('../../manifest/request.js').CnpgRequest> {
  const { chooseImages, requireName, requireSchedule } = await import('../../manifest/request.js')
  const { recommendMemory, recommendStorage } = await import('../../config/vector-storage.js')
  const postgres = readInteger(options, 'postgres', 15, 18) ?? fallback.postgres
  const namespace = readText(options, 'namespace')
  const storageClass = readText(options, 'storage-class')
  const database = readText(options, 'database') ?? 'app'
  const schedule = readText(options, 'schedule') ?? fallback.schedule
  const instances = readInteger(options, 'instances', 1, 100) ?? fallback.instances
  const gib = 1024 ** 3
  return {
    name: requireName('--name', readText(options, 'name') ?? fallback.name, 40),
    ...(namespace !== undefined && { namespace: requireName('--namespace', namespace, 63) }),
    postgres,
    instances,
    memoryBytes: readBytes(options, 'memory') ?? (counted ? recommendMemory(counted.sizes) : 4 * gib),
    cpus: readPositive(options, 'cpus') ?? fallback.cpus,
    storageBytes: readBytes(options, 'storage') ?? (counted ? recommendStorage(counted.sizes) : 20 * gib),
    ...(storageClass !== undefined && { storageClass }),
    database: requireIdentifier('--database', database),
    owner: requireIdentifier('--owner', readText(options, 'owner') ?? database),
    images: chooseImages({
      postgres,
      image: readText(options, 'image'),
      extensionImage: readText(options, 'extension-image'),
      vectorImage: readText(options, 'vector-image'),
      catalog: readText(options, 'catalog'),
    }),
    backup: readBackup(options, instances, schedule),
    schedule: schedule === 'none' ? schedule : requireSchedule(schedule),
  }
}

function readBackup(
  options: OptionValues,
  instances: number,
  schedule: string,
): import('../../manifest/request.js').CnpgBackup {
  const store = readText(options, 'object-store')
  const className = readText(options, 'snapshot-class')
  if (store !== undefined && className !== undefined) {
    throw invalidArgument(
      'backups',
      'one place',
      '--object-store and --snapshot-class',
      'Give one of the two.',
    )
  }
  if (store !== undefined) return { kind: 'object-store', name: store }
  if (schedule === 'none') return { kind: 'none' }
  if (instances === 1 && className === undefined) {
    throw invalidArgument(
      'backups',
      'of a cluster that has a standby',
      '--instances 1',
      'A snapshot stops a server that is alone. Give --object-store NAME, more instances, --schedule none, or --snapshot-class where it may stop.',
    )
  }
  return { kind: 'snapshot', ...(className !== undefined && { className }) }
}

/** What needs no quotes, and is a name in Kubernetes when its underscores are hyphens. */
function requireIdentifier(option: string, text: string): string {
  if (/^[a-z]([a-z0-9_]{0,60}[a-z0-9])?$/.test(text) && !reserved.has(text) && !text.startsWith('pg_'))
    return text
  throw invalidArgument(option, 'lower-case letters, digits and _, and no name of the server', text)
}

const reserved = new Set(['postgres', 'template0', 'template1', 'streaming_replica', 'cnpg_pooler_pgbouncer'])
