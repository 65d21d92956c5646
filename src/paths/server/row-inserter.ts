import type { RowInserter } from '../search-path.js'
import { encodeParameter } from './vector-codec.js'
import { formats, type TableSpec } from './vector-table.js'
import { schemaName, type Workspace } from './workspace.js'

/** Adds rows to a table of the run, in a session of its own. */
export async function openInserter(
  workspace: Workspace,
  { name, type, columns = [] }: TableSpec,
): Promise<RowInserter> {
  const names = ['id', 'embedding', ...columns.map((column) => column.name)]
  const values = names.map((_, i) => (i === 1 ? `$2::${type}` : `$${i + 1}`))
  const statement = {
    name: 'insert',
    text: `INSERT INTO ${schemaName}.${name} (${names.join(', ')}) VALUES (${values.join(', ')})`,
  }
  const session = await workspace.connect()
  return {
    async insert(id, vector) {
      const row = { data: vector, rows: 1, dims: vector.length }
      const further = columns.map(({ compute }) => compute(row, 0))
      const given = [id, encodeParameter(formats[type], vector), ...further]
      await session.run('inserting a row', (client) => client.query({ ...statement, values: given }))
    },
    close: () => session.close(),
  }
}
