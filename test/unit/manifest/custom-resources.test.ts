import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { describeCluster } from '#src/manifest/cnpg.js'
import { titleWith } from '../../skip-reasons.js'
import { requests } from './requests.js'

/**
 * The manifests against the definitions of the operators themselves, which are not ours to publish. A folder with
 * config/crd/bases of CloudNativePG, and if you like the PodMonitor of the Prometheus operator:
 *   SIMDGRES_CRDS=<folder> npx vitest run --project unit test/unit/manifest
 */
const folder = process.env['SIMDGRES_CRDS'] ?? ''
const problem = existsSync(folder)
  ? undefined
  : 'SIMDGRES_CRDS names no folder with the definitions of the operator'

interface Definition {
  readonly kind: string
  readonly spec?: {
    readonly names: { readonly kind: string }
    readonly versions: readonly {
      readonly name: string
      readonly schema: { readonly openAPIV3Schema: Node }
    }[]
  }
}

/** A node of a structural schema: JSON Schema, with marks of Kubernetes. */
interface Node {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Node>>
  readonly additionalProperties?: Node | boolean
  readonly items?: Node
  readonly required?: readonly string[]
  readonly enum?: readonly unknown[]
  readonly pattern?: string
  readonly [mark: `x-kubernetes-${string}`]: unknown
}

/** Kubernetes drops fields that a definition does not name: here they are an error. Rules in CEL are left out. */
function toStrictSchema(node: Node): Record<string, unknown> {
  if (node['x-kubernetes-int-or-string'] === true) {
    const text = { type: 'string', ...(node.pattern !== undefined && { pattern: node.pattern }) }
    return { anyOf: [{ type: 'integer' }, text] }
  }
  if (node['x-kubernetes-preserve-unknown-fields'] === true || node.type === undefined) return {}
  const { type, required, pattern } = node
  const properties = Object.entries(node.properties ?? {}).map(([name, child]) => [
    name,
    toStrictSchema(child),
  ])
  const others = node.additionalProperties
  return {
    type,
    ...(required && { required }),
    ...(node.enum && { enum: node.enum }),
    ...(pattern !== undefined && { pattern }),
    ...(node.items && { items: toStrictSchema(node.items) }),
    ...(type === 'object' && {
      properties: Object.fromEntries(properties),
      additionalProperties: typeof others === 'object' ? toStrictSchema(others) : others === true,
    }),
  }
}

/** By kind. */
function readDefinitions(): Map<string, z.ZodType> {
  const found = new Map<string, z.ZodType>()
  for (const name of readdirSync(folder).filter((file) => /\.ya?ml$/.test(file))) {
    const { kind, spec } = parse(readFileSync(join(folder, name), 'utf8')) as Definition
    if (kind !== 'CustomResourceDefinition' || spec === undefined) continue
    const schema = spec.versions.find((version) => version.name === 'v1')?.schema.openAPIV3Schema
    if (schema === undefined) continue
    const strict = toStrictSchema(schema)
    const metadata = { type: 'object' }
    const properties = { ...(strict['properties'] as object), metadata }
    found.set(spec.names.kind, z.fromJSONSchema({ ...strict, properties } as never))
  }
  return found
}

describe.skipIf(problem !== undefined)(titleWith(problem, 'the definitions of the operators'), () => {
  const definitions = problem === undefined ? readDefinitions() : new Map<string, z.ZodType>()

  test.each(Object.entries(requests))('take the manifests of: %s', async (_title, request) => {
    const manifests = await describeCluster(request, new AbortController().signal)
    const checked = manifests.filter(({ kind }) => definitions.has(kind))
    expect(checked.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['Cluster', 'Pooler', 'Database']))
    for (const manifest of checked)
      definitions.get(manifest.kind)?.parse(JSON.parse(JSON.stringify(manifest)))
  })

  test('refuse a field that they do not have, and a value of another type', async () => {
    const [cluster] = await describeCluster(Object.values(requests)[0]!, new AbortController().signal)
    const broken = (change: object) => ({ ...cluster, spec: { ...cluster?.spec, ...change } })
    const accepts = (value: object) => definitions.get('Cluster')?.safeParse(value).success
    expect(accepts(broken({}))).toBe(true)
    expect(accepts(broken({ instance: 3 }))).toBe(false)
    expect(accepts(broken({ instances: '3' }))).toBe(false)
    expect(accepts(broken({ postgresql: { parameters: { jit: false } } }))).toBe(false)
  })
})
