import type { VectorColumn, VectorIndex } from './facts.js'

/** The rewrite of a column to `halfvec`, or why none can be written that leaves everything else as it is. */
export type Halving = { readonly statements: readonly string[] } | { readonly obstacles: readonly string[] }

/** In one transaction: where any of it fails, the column and its indexes are as before. */
export function writeHalving(column: VectorColumn): Halving {
  const { relation, column: name, dims, indexes, dependents, isInherited } = column
  const remade = indexes.map((index) => ({ index, definition: defineOverHalves(index, column) }))
  const obstacles = [
    ...remade
      .filter(({ definition }) => definition === undefined)
      .map(({ index }) => `index ${index.name} (${index.definition})`),
    ...dependents,
    ...(isInherited ? ['the parent that the column is inherited from'] : []),
  ]
  if (obstacles.length > 0) return { obstacles }
  return {
    statements: [
      'BEGIN',
      ...indexes.map((index) => `DROP INDEX ${index.name}`),
      `ALTER TABLE ${relation} ALTER COLUMN ${name} TYPE halfvec(${dims}) USING ${name}::halfvec(${dims}), ` +
        `ALTER COLUMN ${name} SET STORAGE PLAIN`,
      ...remade.map(({ definition }) => definition!),
      'COMMIT',
      `ANALYZE ${relation}`,
    ],
  }
}

/**
 * The definition of the same index on the column of halves: its name, parameters and condition stay.
 * @returns undefined where it is over anything but the column or its cast to as many halves, or where its condition reads the column.
 */
export function defineOverHalves(
  { definition, expression, condition, method, operatorClass }: VectorIndex,
  { name, column, dims }: Pick<VectorColumn, 'name' | 'column' | 'dims'>,
): string | undefined {
  if (condition?.includes(name)) return undefined
  if (expression !== null && expression !== `(${column})::halfvec(${dims})`) return undefined
  const ofHalves = /^(?:vector|halfvec)_(l2|ip|cosine|l1)_ops$/.exec(operatorClass)?.[1]
  const opening = `USING ${method} (`
  const start = definition.indexOf(opening) + opening.length
  const key = expression === null ? column : `(${expression})`
  if (ofHalves === undefined || start < opening.length || !definition.startsWith(key, start)) return undefined
  // Of the key: the class, with its schema where it is not on the search path. Parameters of a class are not reproduced.
  const rest = /^(?: [\w$."]+)?(\).*)$/s.exec(definition.slice(start + key.length))?.[1]
  return rest === undefined
    ? undefined
    : `${definition.slice(0, start)}${column} halfvec_${ofHalves}_ops${rest}`
}
