import { SimdgresError } from '../../errors.js'
import type { Contents } from '../sets/backup-sets.js'

export interface ContentsComparison {
  readonly tables: number
  readonly rows: number
  /** Extensions whose version on this server differs: `vector 0.8.0 -> 0.8.1`. */
  readonly extensionChanges: readonly string[]
}

const shownDifferences = 5

/**
 * Compares what was restored with what was recorded.
 * @throws ERR_CHECK_FAILED naming the tables, sequences and extensions that differ.
 */
export function compareContents(recorded: Contents, restored: Contents): ContentsComparison {
  const differences = [
    ...compareTables(recorded, restored),
    // Their rows were computed anew, and may be newer than those that were there.
    ...recorded.materializedViews
      .filter((name) => !restored.materializedViews.includes(name))
      .map((name) => `materialized view ${name} is missing`),
    ...compareSequences(recorded, restored),
    ...Object.keys(recorded.extensions)
      .filter((name) => !(name in restored.extensions))
      .map((name) => `extension ${name} is missing`),
  ]
  if (differences.length > 0) {
    const shown = differences.slice(0, shownDifferences).join('; ')
    const more = differences.length - shownDifferences
    throw new SimdgresError(
      'ERR_CHECK_FAILED',
      `What was restored is not what was backed up: ${shown}${more > 0 ? `; and ${more} more` : ''}`,
      'Restore another set; the database in use was not touched.',
    )
  }
  return {
    tables: recorded.tables.length,
    rows: recorded.tables.reduce((sum, { rows }) => sum + rows, 0),
    extensionChanges: Object.entries(recorded.extensions)
      .filter(([name, version]) => restored.extensions[name] !== version)
      .map(([name, version]) => `${name} ${version} -> ${restored.extensions[name]}`),
  }
}

function compareTables(recorded: Contents, restored: Contents): string[] {
  const views = new Set(restored.materializedViews)
  // A set of version 1 has views among its tables.
  const tables = recorded.tables.filter(({ name }) => !views.has(name))
  const found = new Map(restored.tables.map((table) => [table.name, table]))
  const names = new Set(tables.map(({ name }) => name))
  const surplus = restored.tables.filter(({ name }) => !names.has(name))
  return [
    ...tables.flatMap(({ name, rows, hash, isPartial }) => {
      const table = found.get(name)
      if (!table) return [`table ${name} is missing`]
      if (table.rows !== rows) return [`table ${name} has ${table.rows} rows in place of ${rows}`]
      // With and without generated columns: they cannot be compared.
      if (table.isPartial !== isPartial) return []
      return table.hash === hash ? [] : [`table ${name} has other contents`]
    }),
    ...surplus.map(({ name }) => `table ${name} was not there`),
  ]
}

/** A sequence may have advanced between the record and the dump, but never gone back. */
function compareSequences({ sequences }: Contents, restored: Contents): string[] {
  const found = new Map(restored.sequences.map((sequence) => [sequence.name, sequence]))
  return sequences.flatMap(({ name, lastValue, isCalled, increment }) => {
    const sequence = found.get(name)
    if (!sequence) return [`sequence ${name} is missing`]
    const moved = (BigInt(sequence.lastValue) - BigInt(lastValue)) * (increment < 0 ? -1n : 1n)
    const isBehind = moved < 0n || (moved === 0n && isCalled && !sequence.isCalled)
    return isBehind ? [`sequence ${name} is at ${sequence.lastValue} in place of ${lastValue}`] : []
  })
}
