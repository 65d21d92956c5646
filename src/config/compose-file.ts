import { readFileSync } from 'node:fs'
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml'
import { SimdgresError } from '../errors.js'
import { type ComposeFile, composeSchema } from './compose-schema.js'
import { type Environment, interpolate } from './interpolation.js'

type Path = readonly PropertyKey[]
type Issue = NonNullable<ReturnType<typeof composeSchema.safeParse>['error']>['issues'][number]

/**
 * Reads a compose file: anchors and merge keys resolved, variables replaced, every key checked.
 * @throws ERR_INVALID_ARGUMENT naming file, line and key where it is wrong or has a key that we do not support.
 */
export function loadComposeFile(file: string, environment: Environment): ComposeFile {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new SimdgresError(
      'ERR_RESOURCE',
      `Cannot read ${file}`,
      'Reinstall the package, or check permissions.',
      {
        cause: error,
      },
    )
  }
  return parseComposeFile(text, file, environment)
}

export function parseComposeFile(text: string, file: string, environment: Environment): ComposeFile {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: false })
  const [problem] = document.errors
  if (problem) {
    throw new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      `${file}:${lines.linePos(problem.pos[0]).line} is not valid YAML: ${problem.message}`,
      'Correct the line.',
    )
  }
  visit(document, {
    Scalar(key, node) {
      if (key === 'key' || typeof node.value !== 'string') return
      const line = lines.linePos(node.range?.[0] ?? 0).line
      node.value = interpolate(node.value, environment, `${file}:${line}`)
    },
  })
  const result = composeSchema.safeParse(withoutExtensions(document.toJS()))
  if (!result.success) throw describeIssue(firstSpecific(result.error.issues), document, lines, file)
  checkReferences(result.data, file)
  return result.data
}

/** `x-...` keys of the file and of a service hold anchors and notes; the specification says to ignore them. */
function withoutExtensions(value: unknown): unknown {
  const root = dropExtensionKeys(value)
  if (!isObject(root) || !isObject(root['services'])) return root
  const services = Object.entries(root['services']).map(([name, body]) => [name, dropExtensionKeys(body)])
  return { ...root, services: Object.fromEntries(services) }
}

function dropExtensionKeys(value: unknown): unknown {
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith('x-')))
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A misspelt key also leaves one missing: the misspelling counts. Of a union, the alternative that got furthest does. */
function firstSpecific(issues: readonly Issue[], base: Path = []): Issue {
  const issue = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0]!
  const path = [...base, ...issue.path]
  if (issue.code === 'invalid_union') {
    const alternatives = issue.errors
      .filter((list) => list.length > 0)
      .map((list) => firstSpecific(list, path))
    const deepest = alternatives.sort((a, b) => b.path.length - a.path.length)[0]
    const informative = alternatives.find((alternative) => alternative.code !== 'invalid_type')
    const chosen = deepest && deepest.path.length > path.length ? deepest : informative
    if (chosen) return chosen
  }
  return { ...issue, path }
}

function describeIssue(issue: Issue, document: Document, lines: LineCounter, file: string): SimdgresError {
  const unknownKey = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined
  const path = unknownKey === undefined ? issue.path : [...issue.path, unknownKey]
  const place = `${file}:${lines.linePos(findOffset(document, path)).line}`
  const key = path.map(String).join('.')
  if (unknownKey !== undefined) {
    return new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      `${place} has a key that is not supported: ${key}`,
      'Correct its spelling, or remove it: a key that a deployment ignores would change what is measured.',
    )
  }
  return new SimdgresError('ERR_INVALID_ARGUMENT', `${place}: ${key}: ${issue.message}`, 'Correct the value.')
}

/** Offset of the key (or list entry) at `path`; of the nearest one above it where it does not exist. */
function findOffset(document: Document, path: Path): number {
  let node: unknown = document.contents
  let offset = 0
  for (const step of path) {
    const found = findChild(document, node, step)
    if (!found) break
    offset = found.offset
    node = found.value
  }
  return offset
}

interface Child {
  readonly offset: number
  readonly value: unknown
}

function findChild(document: Document, parent: unknown, step: PropertyKey): Child | undefined {
  const node = isAlias(parent) ? parent.resolve(document) : parent
  if (isSeq(node)) {
    const item = node.items[Number(step)] as Node | undefined
    return item && { offset: item.range?.[0] ?? 0, value: item }
  }
  if (!isMap(node)) return undefined
  for (const { key, value } of node.items) {
    if (isScalar(key) && key.value === step) return { offset: key.range?.[0] ?? 0, value }
  }
  // The map's own keys win over merged ones.
  for (const { key, value } of node.items) {
    if (!isScalar(key) || String(key.source ?? key.value) !== '<<') continue
    for (const source of isSeq(value) ? value.items : [value]) {
      const found = findChild(document, source, step)
      if (found) return found
    }
  }
  return undefined
}

function checkReferences(compose: ComposeFile, file: string): void {
  for (const [name, service] of Object.entries(compose.services)) {
    const volumes = service.volumes.filter(({ isBind }) => !isBind)
    const uses: Record<'secrets' | 'volumes' | 'networks' | 'services', readonly string[]> = {
      secrets: service.secrets.map(({ source }) => source),
      volumes: volumes.map(({ source }) => source),
      networks: Object.keys(service.networks),
      services: Object.keys(service.depends_on),
    }
    for (const kind of ['secrets', 'volumes', 'networks', 'services'] as const) {
      const missing = uses[kind].find((used) => !(used in compose[kind]))
      if (missing === undefined) continue
      throw new SimdgresError(
        'ERR_INVALID_ARGUMENT',
        `${file}: services.${name} uses ${missing}, which is not declared`,
        `Declare it under ${kind} at the top level of the file.`,
      )
    }
  }
}
