import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { runTuneScript } from '#src/config/tune-script.js'
import { estimateSizes, recommendMemory, recommendStorage } from '#src/config/vector-storage.js'
import { describeCluster } from '#src/manifest/cnpg.js'
import { printManifests } from '#src/manifest/print.js'
import { chooseImages, requireName, requireSchedule } from '#src/manifest/request.js'
import { clusterSchema, fixedParameters, manifestSchema } from './cnpg-schema.js'
import { byCatalog, findKind, requests } from './requests.js'

const never = new AbortController().signal
const mib = 1024 ** 2
const gib = 1024 ** 3

describe.each(Object.entries(requests))('%s', (_title, request) => {
  test('has the fields of the operator, as the YAML that Kubernetes reads', async () => {
    const manifests = await describeCluster(request, never)
    const text = printManifests(manifests, request)
    expect(text).not.toMatch(/[:-] [&*]\w/)
    // As Kubernetes reads it: off is false there, and a parameter has to be a text.
    const documents = parseAllDocuments(text, { version: '1.1' })
    expect(documents.flatMap(({ errors }) => errors)).toEqual([])
    const read = documents.map((document) => document.toJS() as unknown)
    expect(read).toEqual(JSON.parse(JSON.stringify(manifests)))
    for (const manifest of read) manifestSchema.parse(manifest)
  })

  test('names each object once, and all of the cluster', async () => {
    const manifests = await describeCluster(request, never)
    const names = manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`)
    expect(new Set(names).size).toBe(names.length)
    for (const { kind, spec, metadata } of manifests) {
      expect(metadata.namespace).toBe(request.namespace)
      if (kind !== 'Cluster' && kind !== 'PodMonitor') expect(spec['cluster']).toEqual({ name: request.name })
    }
    // Each monitor looks at pods that are there.
    const watched = findKind(manifests, 'PodMonitor').map(({ spec }) =>
      JSON.stringify((spec['selector'] as { matchLabels: object }).matchLabels),
    )
    const poolers = findKind(manifests, 'Pooler').map(({ metadata }) => metadata.name)
    expect(watched).toEqual([
      `{"cnpg.io/cluster":"${request.name}","cnpg.io/podRole":"instance"}`,
      ...poolers.map((name) => `{"cnpg.io/poolerName":"${name}","cnpg.io/podRole":"pooler"}`),
    ])
  })

  test('has no secret in it, and no parameter that the operator keeps for itself', async () => {
    const manifests = await describeCluster(request, never)
    expect(JSON.stringify(manifests)).not.toMatch(/password|secret/i)
    const [cluster] = findKind(manifests, 'Cluster')
    const { parameters } = clusterSchema.parse(cluster).spec.postgresql
    expect(Object.keys(parameters).filter((name) => fixedParameters.includes(name))).toEqual([])
  })
})

test('parameters and variables are those of the same memory and processors in a container', async () => {
  const [manifest] = await describeCluster(byCatalog, never)
  const { spec } = clusterSchema.parse(manifest)
  const args = ['--memory', 4 * gib, '--cpus', 2, '--shm', gib, '--disk', 20 * gib].map(String)
  expect(spec.postgresql.parameters).toEqual(Object.fromEntries(await runTuneScript(args, never)))
  expect(spec.postgresql.parameters).toMatchObject({ shared_buffers: '1048576kB', max_parallel_workers: '2' })
  const environment = await runTuneScript([...args, '--print', 'environment'], never)
  expect(spec.env.map(({ name, value }) => [name, value])).toEqual(environment)
  expect(spec.resources.limits).toEqual({ memory: '4Gi', cpu: '2' })
  expect(spec.resources.requests).toEqual(spec.resources.limits)
  expect(spec.ephemeralVolumesSizeLimit).toEqual({ shm: '1Gi' })
})

test('image volumes are listed with pgvector first, which the extension requires', async () => {
  for (const request of Object.values(requests)) {
    const manifests = await describeCluster(request, never)
    const { extensions } = clusterSchema.parse(manifests[0]).spec.postgresql
    expect(extensions?.map(({ name }) => name)).toEqual(
      request.images.kind === 'extension' ? ['pgvector', 'simdgres'] : undefined,
    )
    expect(findKind(manifests, 'Database')[0]?.spec).toMatchObject({
      extensions: [{ name: 'vector' }, { name: 'simdgres' }],
    })
  }
})

test('the pods of a pooler together ask for fewer connections than the server has', async () => {
  for (const cpus of [0.5, 2, 16, 64]) {
    const manifests = await describeCluster({ ...byCatalog, cpus, memoryBytes: 64 * gib }, never)
    const pooler = findKind(manifests, 'Pooler')[0]?.spec as {
      instances: number
      pgbouncer: { parameters: Record<string, string> }
    }
    const asked = pooler.instances * Number(pooler.pgbouncer.parameters['default_pool_size'])
    expect(asked, `${cpus} processors`).toBeLessThan(90)
  }
})

test('a size that no server runs with is refused by the rule that computes parameters', async () => {
  await expect(describeCluster({ ...byCatalog, memoryBytes: 32 * mib }, never)).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringContaining('64 MB or more'),
  })
})

describe('where images come from', () => {
  const extensionImage = 'team/simdgres:18'
  const image = 'pg:18.1-minimal'

  test('is a catalogue, named images, or one operand', () => {
    expect(chooseImages({ postgres: 18, extensionImage })).toEqual({
      kind: 'extension',
      extension: extensionImage,
      catalog: 'postgresql-minimal-trixie',
    })
    expect(chooseImages({ postgres: 18, extensionImage, image, vectorImage: 'v' })).toMatchObject({
      operand: image,
      vector: 'v',
    })
    expect(chooseImages({ postgres: 18, image })).toEqual({ kind: 'operand', operand: image })
  })

  test.each([
    ['nothing', { postgres: 18 }, /which image/],
    ['nothing for 17', { postgres: 17 }, /which image/],
    ['an image volume for 17', { postgres: 17, extensionImage }, /17 cannot load/],
    ['an operand of another version', { postgres: 17, image }, /tag begins with 17/],
    ['an operand without a tag', { postgres: 17, image: 'registry:5000/pg' }, /tag begins with 17/],
    ['an operand and no pgvector', { postgres: 18, extensionImage, image }, /pgvector/],
    ['pgvector and no operand', { postgres: 18, extensionImage, vectorImage: 'v' }, /goes with --image/],
    ['an operand twice', { postgres: 18, extensionImage, image, catalog: 'c', vectorImage: 'v' }, /same/],
    ['a catalogue without the extension', { postgres: 18, catalog: 'c', image }, /--extension-image/],
  ])('is asked for, given %s', (_title, options, message) => {
    expect(() => chooseImages(options)).toThrow(message)
  })
})

test('names and schedules that the operator would refuse are refused', () => {
  expect(requireName('--name', 'search-1')).toBe('search-1')
  for (const name of ['', 'Search', '1search', 'a_b', 'a-', 'a'.repeat(51)]) {
    expect(() => requireName('--name', name), name).toThrow(/lower-case/)
  }
  expect(requireSchedule(' 0 0  2 * * MON-FRI ')).toBe('0 0 2 * * MON-FRI')
  for (const text of ['0 2 * * *', '', '0 0 2 * * *; x', '@daily']) {
    expect(() => requireSchedule(text), text).toThrow(/six fields/)
  }
})

test('estimated sizes are near those that were measured', () => {
  // docs/index-am.md: 117,791 x 512 has 83 MB, 341,479 x 100 has 70 MB, 70,000 x 784 has 68 MB.
  for (const [rows, dims, bytes] of [
    [117_791, 512, 83e6],
    [341_479, 100, 70e6],
    [70_000, 784, 68e6],
  ] as const) {
    const { index } = estimateSizes(rows, dims)
    expect(index / bytes).toBeGreaterThan(0.95)
    expect(index / bytes).toBeLessThan(1.5)
  }
  const sizes = estimateSizes(10_000_000, 768)
  expect(sizes.table / gib).toBeCloseTo(38.1, 0)
  expect(recommendMemory(sizes)).toBeGreaterThan(1.25 * sizes.index)
  expect(recommendStorage(sizes)).toBeGreaterThan(2 * (sizes.table + sizes.index))
  expect(recommendStorage(estimateSizes(1, 3))).toBe(10 * gib)
})
