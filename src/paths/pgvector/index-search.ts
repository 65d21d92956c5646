import type { Dataset } from '../../datasets/dataset.js'
import { SimdgresError } from '../../errors.js'
import type { SearchKnob } from '../../result/search-knobs.js'
import type { Metric } from '../../vectors/metric.js'
import type { PathContext } from '../path-context.js'
import type { Availability, Design, PathFacts, SearchPath } from '../search-path.js'
import type { VectorFeature } from '../server/extensions.js'
import { listFilterColumns } from '../server/filter-clause.js'
import { buildIndex, type IndexBuild } from '../server/index-build.js'
import { metricOperators } from '../server/metric-operators.js'
import { halfvecFormat, vectorFormat } from '../server/vector-codec.js'
import { loadTable, maxInlineDims, readStorage, type TableSpec, warm } from '../server/vector-table.js'
import { schemaName, type Workspace } from '../server/workspace.js'
import { createServerPath } from '../server-path.js'
import { type IndexMethod, listScanModes, scanParameter } from './iterative-scan.js'

/** What of a vector is indexed, and how such an index is asked. */
export interface Indexed {
  /** Of the column. */
  readonly type: 'vector' | 'halfvec'
  /** The most dimensions that pgvector indexes of it, and what may be done about more. */
  readonly maxDims: number
  readonly moreDims: string
  /** What pgvector has to have for it, beside method and metric. */
  readonly needs: readonly VectorFeature[]
  /** Undefined where the method has none for the metric. */
  operatorClass(metric: Metric, method: IndexMethod): string | undefined
  /** Column or expression. */
  expression(dims: number): string
  /** The statement; `$1` is the query. */
  statement(search: IndexStatement): string
}

export interface IndexStatement {
  /** What rows come from: the table, and the filter behind it if there is one. */
  readonly from: string
  readonly metric: Metric
  readonly dims: number
  readonly k: number
  /** Of the knob. */
  readonly value: number
}

/** An index of pgvector and the knob that trades its speed for recall. */
export interface IndexSearch {
  readonly method: IndexMethod
  readonly indexed: Indexed
  /** Tells its table and index from those of other paths. */
  readonly name: string
  /** Storage parameters of the index; a design may name others. */
  readonly options: Readonly<Record<string, number>>
  readonly knob: {
    readonly name: SearchKnob
    readonly parameter: string
    /** The values worth showing of an index that was built with these storage parameters, if nobody knows better. */
    values(options: Readonly<Record<string, number>>): readonly number[]
    /** All steps from the fastest to the most that is allowed. */
    ladder(options: Readonly<Record<string, number>>): readonly number[]
  }
}

/** A column of `vector` or `halfvec`, ranked by the metric's own operator. */
export function indexColumn(
  type: 'vector' | 'halfvec',
): Pick<Indexed, 'type' | 'operatorClass' | 'expression' | 'statement'> {
  return {
    type,
    operatorClass(metric, method) {
      const name = metricOperators[metric].operatorClasses[method]
      return name === undefined ? undefined : `${type}_${name}`
    },
    expression: () => 'embedding',
    statement: ({ from, metric, k }) =>
      `SELECT id FROM ${from} ORDER BY embedding ${metricOperators[metric].operator} $1::${type} LIMIT ${k}`,
  }
}

/** The whole vectors, as both methods index them. */
export const vectorColumn: Indexed = {
  ...indexColumn('vector'),
  maxDims: maxInlineDims,
  moreDims: 'use pgvector-hnsw-halfvec, pgvector-hnsw-bit or an exact path',
  needs: [],
}

/** Approximate search through an index of pgvector, on a table of its own: no plan can pick another's index. */
export function createIndexSearch(facts: PathFacts, context: PathContext, index: IndexSearch): SearchPath {
  const { dataset, k } = context
  const { indexed, method, knob } = index
  const { metric, base } = dataset
  return createServerPath(facts, context, {
    format: formats[indexed.type],
    // The planner's cost of an index scan grows with the knob; the row is about the index, not about the planner.
    settings: { plan_cache_mode: 'force_generic_plan', enable_seqscan: 'off' },
    isAvailable: (workspace) => checkIndex(workspace, index, context),
    designs: [index.options],
    async prepare(workspace, design, build) {
      const options = readOptions(index, design)
      const table = nameTable(index, design, build)
      const storage = readStorage(design, base.dims, indexed.type)
      if (indexed.type === 'halfvec') checkHalfRange(dataset)
      const spec: TableSpec = {
        ...{ name: table, type: indexed.type, storage },
        columns: listFilterColumns(context.filters),
      }
      const load = await loadTable(workspace, dataset, spec)
      const name = `${table}_index`
      const task: IndexBuild = {
        name,
        rows: base.rows,
        statement:
          `CREATE INDEX ${name} ON ${schemaName}.${table} USING ${method} ` +
          `(${indexed.expression(base.dims)} ${indexed.operatorClass(metric, method)}) WITH (${formatOptions(options)})`,
      }
      const built = await workspace.once(
        name,
        () => buildIndex(workspace, task),
        () => warm(workspace, `${schemaName}.${name}`),
      )
      const values = knob.values(options)
      const modes = context.filters === undefined ? [{}] : await listScanModes(workspace, method)
      const inModes = (steps: readonly number[]) =>
        modes.map((mode) => steps.map((step) => ({ ...mode, [knob.name]: step })))
      return {
        load,
        index: built,
        table: spec,
        variants: inModes(values).flat(),
        ladders: inModes(knob.ladder(options)),
        describe: (variant, where) => {
          const value = Number(variant[knob.name] ?? values[0])
          const { iterative_scan: mode } = variant
          const from = `${schemaName}.${table}${where}`
          return {
            text: indexed.statement({ from, metric, dims: base.dims, k, value }),
            settings: {
              [knob.parameter]: String(value),
              ...(mode !== undefined && { [scanParameter(method)]: String(mode) }),
            },
            expectedPlan: [new RegExp(`Index Scan using ${name}\\b`)],
          }
        },
      }
    },
  })
}

const formats = { vector: vectorFormat, halfvec: halfvecFormat } as const

async function checkIndex(
  workspace: Workspace,
  { indexed, method }: IndexSearch,
  { dataset: { metric, base } }: PathContext,
): Promise<Availability> {
  if (indexed.operatorClass(metric, method) === undefined) {
    return { available: false, reason: `pgvector's ${method} has no operator class for ${metric}; use hnsw.` }
  }
  if (base.dims > indexed.maxDims) {
    const [most, given] = [indexed.maxDims, base.dims].map((count) => count.toLocaleString('en-US'))
    const reason = `pgvector indexes a ${indexed.type} of at most ${most} dimensions, and these have ${given}; ${indexed.moreDims}.`
    return { available: false, reason }
  }
  return workspace.checkVector([method, metric, ...indexed.needs])
}

/** From here on a value has no finite half-precision number: the largest is 65,504. */
const halfLimit = 65_520

function checkHalfRange({ base: { data } }: Dataset): void {
  const found = data.find((value) => Math.abs(value) >= halfLimit)
  if (found === undefined) return
  throw new SimdgresError(
    'ERR_UNAVAILABLE',
    `The vectors hold ${found}, and a halfvec no value beyond 65,504`,
    'Scale the vectors down, or use pgvector-hnsw.',
  )
}

function readOptions({ options }: IndexSearch, design: Design): Record<string, number> {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => [name, Number(design[name] ?? value)]),
  )
}

/** The default design has the plain name; others, and builds after the first, say it: all of them can stand at once. */
function nameTable({ name: label, options }: IndexSearch, design: Design, build = 1): string {
  const other = Object.entries(design).filter(([name, value]) => options[name] !== value)
  const parts = other.map(([name, value]) => `${name}_${value}`)
  return [`vectors_${label}`, ...parts, ...(build > 1 ? [`build_${build}`] : [])].join('_')
}

function formatOptions(options: Readonly<Record<string, number>>): string {
  return Object.entries(options)
    .map(([name, value]) => `${name} = ${value}`)
    .join(', ')
}
