import { stringify } from 'yaml'
import type { VectorSizes } from '../config/vector-storage.js'
import type { Manifest } from './cnpg.js'
import type { CnpgRequest } from './request.js'

const gib = 1024 ** 3
/** Kubernetes reads YAML 1.1, to which `off` is no text, and what comes twice is easier to edit than an alias. */
const format = { version: '1.1', aliasDuplicateObjects: false, lineWidth: 120 } as const

/** What was counted on, where the sizes follow from the rows. */
export interface CountedRows {
  readonly rows: number
  readonly dims: number
  readonly sizes: VectorSizes
}

/** The objects as one YAML file, with what has to be there before in its head. */
export function printManifests(
  manifests: readonly Manifest[],
  request: CnpgRequest,
  counted?: CountedRows,
): string {
  const head = [...needsOf(request), ...(counted ? [sentenceOf(counted)] : [])]
  const documents = manifests.map((manifest) => `---\n${stringify(manifest, format)}`)
  return [
    '# Made by simdgres manifest cnpg, for the operator CloudNativePG.\n',
    ...head.map((line) => `# ${line}\n`),
    ...documents,
  ].join('')
}

function needsOf({ images, backup, name }: CnpgRequest): string[] {
  const lines = ['Needs the operator, and PodMonitor of the Prometheus operator.']
  if (images.kind === 'extension') {
    lines.push(
      'Image volumes need CloudNativePG 1.27, Kubernetes 1.35 (1.33 with the feature gate ImageVolume), containerd 2.1 or CRI-O 1.31.',
    )
    if ('catalog' in images) {
      lines.push(
        `The ClusterImageCatalog ${images.catalog} has to be there, with pgvector in it (CloudNativePG 1.29).`,
      )
    }
  }
  if (backup.kind === 'object-store') {
    lines.push(`The ObjectStore ${backup.name} of the Barman Cloud plugin has to be there, with its secret.`)
  }
  if (backup.kind === 'snapshot') {
    lines.push(
      'Backups are snapshots of a standby that is stopped meanwhile, or of the primary where no standby is healthy: nobody is served then.',
      'Nothing is restored to a time between two of them.',
    )
  }
  lines.push(`No secret is in this file: the operator makes ${name}-app.`)
  return lines
}

function sentenceOf({ rows, dims, sizes }: CountedRows): string {
  const size = (bytes: number) => `${(bytes / gib).toFixed(1)} GiB`
  return `Estimate for ${rows.toLocaleString('en')} rows of ${dims} dimensions: table ${size(sizes.table)}, index ${size(sizes.index)}.`
}
