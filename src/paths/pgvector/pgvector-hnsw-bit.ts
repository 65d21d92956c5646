import type { PathContext } from '../path-context.js'
import type { PathFacts, SearchPath } from '../search-path.js'
import { metricOperators } from '../server/metric-operators.js'
import { maxVectorDims } from '../server/vector-table.js'
import { hnsw, hnswKnob } from './hnsw.js'
import { createIndexSearch, indexColumn } from './index-search.js'

const quantize = (vector: string, dims: number) => `binary_quantize(${vector})::bit(${dims})`

/**
 * Binary quantisation: the index holds one bit of each value, its sign, and finds `candidates` rows by Hamming distance;
 * these are ranked by their vectors. Small and fast; how good depends on how much the signs say of the data.
 */
export function createPgvectorHnswBitPath(facts: PathFacts, context: PathContext): SearchPath {
  return createIndexSearch(facts, context, {
    ...hnsw,
    name: 'hnsw_bit',
    indexed: {
      ...indexColumn('vector'),
      maxDims: maxVectorDims,
      moreDims: 'use sql or addon-exact',
      needs: ['binary_quantize'],
      operatorClass: () => 'bit_hamming_ops',
      expression: (dims) => `(${quantize('embedding', dims)})`,
      statement({ from, metric, dims, k, value: candidates }) {
        const order = `${quantize('embedding', dims)} <~> ${quantize('$1::vector', dims)}`
        const near = `SELECT id, embedding FROM ${from} ORDER BY ${order} LIMIT ${candidates}`
        return `SELECT id FROM (${near}) AS near ORDER BY embedding ${metricOperators[metric].operator} $1::vector LIMIT ${k}`
      },
    },
    // The walk keeps as many rows as are ranked again.
    knob: hnswKnob('candidates', context.k),
  })
}
