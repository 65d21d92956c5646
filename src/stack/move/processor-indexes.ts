import type { Stack } from '../stack.js'

/** The last digits of a simd_ function differ between instruction sets, so an index over one holds keys of the old one. */
const indexesOverKernels = `
  SELECT DISTINCT i.indexrelid::regclass::text FROM pg_index i
    JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
      AND d.refclassid = 'pg_proc'::regclass
    JOIN pg_depend e ON e.classid = 'pg_proc'::regclass AND e.objid = d.refobjid AND e.deptype = 'e'
      AND e.refclassid = 'pg_extension'::regclass
    JOIN pg_extension x ON x.oid = e.refobjid AND x.extname = 'simdgres'
  ORDER BY 1`

/** Indexes of the application's database whose keys depend on the processor. Quoted where it is necessary. */
export async function listProcessorIndexes(stack: Stack, server: string): Promise<readonly string[]> {
  const rows = await stack.query(indexesOverKernels, { service: server })
  return rows.map(([name]) => name!)
}

/** Those of them that another instruction set has made, where `to` holds a copy of the files of `from`. */
export async function findStaleIndexes(stack: Stack, from: string, to: string): Promise<readonly string[]> {
  const names = await listProcessorIndexes(stack, from)
  if (names.length === 0) return []
  const [before, after] = await Promise.all(
    [from, to].map((service) => stack.query('SELECT simdgres_isa()', { service })),
  )
  return before?.[0]?.[0] === after?.[0]?.[0] ? [] : names
}

/** @param concurrently while clients are at work. */
export async function rebuildIndexes(
  stack: Stack,
  server: string,
  names: readonly string[],
  concurrently: boolean,
): Promise<void> {
  for (const name of names) {
    stack.progress.note(`rebuilding the index ${name}: the keys of simd_ functions depend on the processor`)
    await stack.query(`REINDEX INDEX ${concurrently ? 'CONCURRENTLY ' : ''}${name}`, { service: server })
  }
}
