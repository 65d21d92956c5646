/** A sort of 3.4 MB, and as much that is kept of its input. */
const sort =
  'SELECT count(*)::int FROM (SELECT g FROM generate_series(1, 40000) g ORDER BY -g::bigint OFFSET 0) s'
const faults = "SELECT split_part(pg_read_file('/proc/self/stat', 0, 500), ' ', 10)::int"

/**
 * Pages that a session faults in for a sort like those it did before: none if it has kept the memory, more than a
 * thousand if the memory was given back. The work_mem of the session is to be 7 MB or more.
 * @param query runs a statement as a superuser, in the same session each time
 */
export async function countFaultsOfSort(query: (sql: string) => Promise<unknown[][]>): Promise<number> {
  for (let run = 0; run < 3; run++) await query(sort)
  const [[before]] = (await query(faults)) as [[number]]
  await query(sort)
  const [[after]] = (await query(faults)) as [[number]]
  return after - before
}
