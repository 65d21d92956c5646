import { invalidArgument } from '../../../errors.js'
import { findPathRow, pathRows } from '../../../paths/registry.js'
import type { Design, KnobRange, PathId } from '../../../paths/search-path.js'
import { type OptionValues, readList } from '../../options/option-table.js'
import { parseChoice } from '../../options/option-values.js'

type Designs = Readonly<Record<PathId, readonly Design[]>>

/** Paths whose designs can be chosen. */
const designable = pathRows.flatMap(({ id, designKnobs }) =>
  designKnobs === undefined ? [] : [{ id, knobs: designKnobs }],
)

/** For the help. */
export function describeKnobs(): string {
  const byKnobs = new Map<string, PathId[]>()
  for (const { id, knobs } of designable) {
    const names = Object.keys(knobs).join(' and ')
    byKnobs.set(names, [...(byKnobs.get(names) ?? []), id])
  }
  return [...byKnobs].map(([names, ids]) => `${names} of ${ids.join(', ')}`).join('; ')
}

/**
 * What `--design PATH:NAME=N,NAME=N` asks for, each in the order given; undefined without any.
 * @param paths that are measured.
 * @throws ERR_INVALID_ARGUMENT naming path, knob or range.
 */
export function readDesigns(options: OptionValues, paths: readonly PathId[]): Designs | undefined {
  const designs: Record<PathId, Design[]> = {}
  for (const text of readList(options, 'design')) {
    const [, name, list] = /^([^:]+):(.+)$/.exec(text) ?? []
    if (name === undefined || list === undefined) {
      throw invalidArgument('--design', 'PATH:NAME=N,..., like pgvector-hnsw:m=32', text)
    }
    const id = parseChoice(
      'the path of --design',
      name,
      designable.map((path) => path.id),
    )
    if (!paths.includes(id)) {
      throw invalidArgument('--design', `one of the paths that are measured`, id, `Add ${id} to --paths.`)
    }
    const design = readDesign(text, list, findPathRow(id).designKnobs!)
    const given = designs[id] ?? []
    if (given.some((other) => JSON.stringify(other) === JSON.stringify(design))) {
      throw invalidArgument('--design', 'each design once', text, 'Leave one of the two out.')
    }
    designs[id] = [...given, design]
  }
  return Object.keys(designs).length === 0 ? undefined : designs
}

/** In the order of the path's knobs, so that one design has one name. */
function readDesign(text: string, list: string, knobs: Readonly<Record<string, KnobRange>>): Design {
  const given = new Map<string, number>()
  for (const pair of list.split(',')) {
    const [name = '', value = ''] = pair.split('=').map((part) => part.trim())
    const knob = parseChoice(`a name in --design ${text}`, name, Object.keys(knobs))
    const [least, most] = knobs[knob]!
    const number = /^\d+$/.test(value) ? Number(value) : Number.NaN
    if (!(number >= least && number <= most)) {
      throw invalidArgument(`${knob} in --design ${text}`, `a whole number from ${least} to ${most}`, value)
    }
    if (given.has(knob)) throw invalidArgument('--design', 'each name once', text)
    given.set(knob, number)
  }
  return Object.fromEntries(
    Object.keys(knobs).flatMap((name) => (given.has(name) ? [[name, given.get(name)!]] : [])),
  )
}
