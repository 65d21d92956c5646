import type { Manifest } from '#src/manifest/cnpg.js'
import type { CnpgRequest } from '#src/manifest/request.js'

const gib = 1024 ** 3

/** A cluster with an extension image, whose operand comes from a catalogue. */
export const byCatalog: CnpgRequest = {
  name: 'search',
  postgres: 18,
  instances: 3,
  memoryBytes: 4 * gib,
  cpus: 2,
  storageBytes: 20 * gib,
  database: 'app',
  owner: 'app',
  images: { kind: 'extension', extension: 'team/simdgres:18-0.2.0', catalog: 'postgresql-minimal-trixie' },
  backup: { kind: 'snapshot' },
  schedule: '0 0 2 * * *',
}

const operandOf17: CnpgRequest = {
  ...byCatalog,
  postgres: 17,
  images: { kind: 'operand', operand: 'team/postgresql:17-0.2.0' },
}

/** Every form that a manifest has. */
export const requests: Readonly<Record<string, CnpgRequest>> = {
  'PostgreSQL 18, images of a catalogue, snapshots': byCatalog,
  'PostgreSQL 18, named images, an object store': {
    ...byCatalog,
    namespace: 'data',
    storageClass: 'fast',
    images: { kind: 'extension', extension: 'team/simdgres:18', operand: 'pg:18.1', vector: 'pgvector:18' },
    backup: { kind: 'object-store', name: 'store' },
  },
  'PostgreSQL 17, an operand': { ...operandOf17, backup: { kind: 'snapshot', className: 'fast' } },
  'one instance without backups': { ...operandOf17, instances: 1, cpus: 0.5, backup: { kind: 'none' } },
}

export const findKind = (manifests: readonly Manifest[], kind: string): Manifest[] =>
  manifests.filter((manifest) => manifest.kind === kind)
