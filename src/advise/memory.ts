import type { AdviceFinding, Cure } from '../result/advice.js'
import { formatBytes } from '../result/numbers.js'
import type { Facts, Parameter, VectorColumn, VectorIndex } from './facts.js'
import { vectorBytes } from './vector-bytes.js'

const mebi = 2 ** 20
/** Beside the indexes, tables and the catalogue need buffers. */
const spareBuffers = 1.25
/** Beside the estimate. */
const spareMemory = 1.15
/** pgvector's default of an HNSW index. */
const defaultM = 16

/** All indexes on vectors together: each search reads pages all over its index. */
export function checkSharedBuffers({ columns, sharedBuffers }: Facts): AdviceFinding[] {
  const indexes = columns.flatMap((column) => column.indexes).filter(({ isValid }) => isValid)
  const bytes = indexes.reduce((sum, index) => sum + index.bytes, 0)
  if (indexes.length === 0 || bytes <= sharedBuffers.bytes) return []
  return [
    {
      code: 'shared-buffers-below-index',
      severity: 'warning',
      what:
        `${indexes.length === 1 ? `The index ${indexes[0]!.name} has` : `${indexes.length} indexes on vectors have`} ${formatBytes(bytes)}, ` +
        `and shared_buffers is ${formatBytes(sharedBuffers.bytes)}${sharedBuffers.isPending ? '; another value waits for a restart' : ''}`,
      where: 'shared_buffers',
      cure: raise(sharedBuffers, bytes * spareBuffers, {
        restart: true,
        caution:
          'Leave the rest of the memory to the system: 25 to 40 % of it are usual, and more needs a larger machine.',
      }),
      expected: 'Searches find the pages of the index in memory, and do not evict those of each other.',
    },
  ]
}

/** What an index would be built in, if it had to be built now: by REINDEX, or after a restore. */
export function checkMaintenanceMemory({ columns, maintenanceMemory }: Facts): AdviceFinding[] {
  const builds = columns.flatMap((column) =>
    column.indexes.flatMap((index) => {
      const estimate = estimates[index.method]
      const values = valuesOf(index, column)
      return estimate ? [{ index, values, bytes: estimate(values, index) }] : []
    }),
  )
  const largest = builds.sort((a, b) => b.bytes - a.bytes)[0]
  if (largest === undefined || largest.bytes <= maintenanceMemory.bytes) return []
  const { index, values, bytes } = largest
  return [
    {
      code: 'maintenance-memory-below-build',
      severity: 'warning',
      what:
        `The next build of ${index.name} needs about ${formatBytes(bytes)} for ${index.method === 'hnsw' ? 'the graph of' : 'its lists of'} ${Math.round(values.rows)} rows, and ` +
        `maintenance_work_mem is ${formatBytes(maintenanceMemory.bytes)}`,
      where: 'maintenance_work_mem',
      cure: raise(maintenanceMemory, bytes * spareMemory, {
        restart: false,
        caution:
          'Each maintenance command and autovacuum worker may take as much; SET it in the session that builds instead. In a ' +
          'container /dev/shm has to be as large.',
      }),
      expected:
        index.method === 'hnsw'
          ? 'The build stays in memory. Beyond it every row is inserted through the pages of the index, several times slower.'
          : 'The build does not stop with "memory required is ...".',
    },
  ]
}

/** What an index is made of. */
type IndexedValues = Pick<VectorColumn, 'rows' | 'type' | 'dims'>

/** A partial index has some rows alone, and one over an expression has values of another type. */
function valuesOf({ condition, rows, type, dims }: VectorIndex, column: VectorColumn): IndexedValues {
  const known = condition !== null && rows > 0 ? rows : column.rows
  return type === null || dims === 0 ? { ...column, rows: known } : { rows: known, type, dims }
}

/** pgvector keeps 3 MiB of the limit for itself in a parallel build, and memory grows by blocks of up to 1 MiB. */
const besideGraph = 4 * mebi

/**
 * Bytes of pgvector's graph while it is built: for each row an element with its row pointers, its lock and the heads of its
 * allocations, the neighbours of layer 0 (2m of 16 bytes), those of 1 / (m - 1) further layers on average (m of 16 bytes), and
 * the value. Builds that ran out of memory (m 8 to 32, 32 and 256 dimensions) agree within 1 %.
 */
export function estimateGraphBytes({ rows, type, dims }: IndexedValues, { options }: VectorIndex): number {
  const m = options['m'] ?? defaultM
  const element = 232 + 32 * m
  const furtherLayers = (16 + 16 * m) / Math.max(1, m - 1)
  return rows * (element + furtherLayers + vectorBytes(type, dims)) + besideGraph
}

/** pgvector's least sample of rows that the centres of an IVFFlat index are made of, and its sample for each list. */
const leastSample = 10_000
const samplePerList = 50
/** pgvector's default. */
const defaultLists = 100

/** Bytes of k-means by Elkan's bounds (ivfkmeans.c of 0.8): samples, three sets of centres, bounds of each pair of them. */
export function estimateListsBytes({ type, dims }: IndexedValues, { options }: VectorIndex): number {
  const lists = options['lists'] ?? defaultLists
  const samples = Math.max(leastSample, samplePerList * lists)
  return (samples + 3 * lists) * vectorBytes(type, dims) + 4 * samples * (lists + 2) + 8 * lists * (lists + 2)
}

const estimates: Readonly<Record<string, typeof estimateGraphBytes>> = {
  hnsw: estimateGraphBytes,
  ivfflat: estimateListsBytes,
}

/** ALTER SYSTEM has no effect on what the server's command line says, as containers often do. */
function raise(
  { name, source, bytes: now }: Parameter,
  bytes: number,
  rest: Pick<Cure, 'restart' | 'caution'>,
): Cure {
  const value = `${Math.max(Math.ceil(bytes / mebi), Math.ceil(now / mebi) + 1)}MB`
  if (source === 'command line' || source === 'environment variable') {
    return {
      ...rest,
      kind: 'server',
      statements: [`${name}=${value}`],
      restart: true,
      caution: `Its ${source} sets it, which ALTER SYSTEM does not change: set it where the server is started. ${rest.caution}`,
    }
  }
  const statements = [
    `ALTER SYSTEM SET ${name} = '${value}'`,
    ...(rest.restart ? [] : ['SELECT pg_reload_conf()']),
  ]
  return { ...rest, kind: 'sql', statements }
}
