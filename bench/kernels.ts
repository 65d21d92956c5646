import { Bench } from 'tinybench'
import { type OptionValues, readFlag, readText } from '#src/cli/options/option-table.js'
import { parseChoice } from '#src/cli/options/option-values.js'
import { throwIfAborted } from '#src/errors.js'
import { formatNumber } from '#src/result/numbers.js'
import { Random, shuffledIndexes } from '#src/stats/random.js'
import { median, type SortedSamples, sortSamples } from '#src/stats/samples.js'
import { measureReadBandwidth } from '#src/vectors/capabilities.js'
import { type BenchmarkContext, type Measured, type Row, runBenchmark } from './benchmark.js'
import { type LoopTime, NativeLoops, type Op, type Type } from './native-loops.js'
import { alignColumns } from './text-table.js'

interface Plan {
  readonly dims: readonly number[]
  /** Of the pairs of one sample. */
  readonly pairsMs: number
  readonly pairSamples: number
  readonly scanSamples: number
}

const fullPlan: Plan = { dims: [100, 384, 768, 1536], pairsMs: 2, pairSamples: 15, scanSamples: 5 }
const quickPlan: Plan = { dims: [100, 768], pairsMs: 0.5, pairSamples: 5, scanSamples: 1 }

const numericOps: readonly Op[] = ['dot', 'l2sq', 'l1', 'cosine']
const opsOf: Readonly<Record<Type, readonly Op[]>> = {
  f32: numericOps,
  f16: numericOps,
  i8: numericOps,
  b1: ['hamming', 'jaccard'],
}

/** Of the order of implementations. */
const seed = 1

interface Case {
  readonly op: Op
  readonly type: Type
  readonly dims: number
}

async function measure(context: BenchmarkContext): Promise<Measured> {
  const plan = readFlag(context.options, 'quick') ? quickPlan : fullPlan
  const loops = new NativeLoops()
  const cases = listCases(plan, readOps(context.options))
  const rows: Row[] = []
  for (const [done, one] of cases.entries()) {
    throwIfAborted(context.signal)
    context.progress.step('Measuring kernels', done, cases.length)
    rows.push(...(await measurePairs(loops, one, plan)))
    rows.push(...(await measureScans(loops, one, plan)))
  }
  return {
    rows,
    ratios: {
      pair: 'time of the scalar kernel compiled without SIMD (plain)',
      scan: 'read bandwidth of one thread, measured just before each kernel and size',
    },
  }
}

const allOps = [...new Set(Object.values(opsOf).flat())]

function readOps(options: OptionValues): readonly Op[] {
  const list = readText(options, 'ops')
  return list === undefined ? allOps : list.split(',').map((op) => parseChoice('--ops', op.trim(), allOps))
}

/** By type, so that the memory of scans is filled once for each. */
function listCases({ dims }: Plan, ops: readonly Op[]): Case[] {
  return (Object.keys(opsOf) as Type[]).flatMap((type) =>
    opsOf[type]
      .filter((op) => ops.includes(op))
      .flatMap((op) => dims.map((count) => ({ op, type, dims: count }))),
  )
}

async function measurePairs(loops: NativeLoops, one: Case, plan: Plan): Promise<Row[]> {
  const { op, type, dims } = one
  const run = (isa: string) => loops.timePairs(isa, op, type, dims, plan.pairsMs)
  const results = await sample(loops.implementations, plan.pairSamples, run, median)
  const plain = results.get('plain')!
  return [...results].map(([isa, { ms, gbps }]) => ({
    work: 'pair',
    name: `${op} ${type}`,
    isa,
    dims,
    ms,
    gbps,
    ratio: plain.ms / ms,
  }))
}

async function measureScans(loops: NativeLoops, one: Case, plan: Plan): Promise<Row[]> {
  const { op, type, dims } = one
  const run = (isa: string) => loops.timeScan(isa, op, type, dims)
  // Measured each time: a run takes minutes, and a shared machine's bandwidth drifts.
  const bandwidth = await measureReadBandwidth()
  // The fastest, as the bandwidth it is compared with is that of the fastest pass.
  const results = await sample(loops.implementations, plan.scanSamples, run, ([fastest]) => fastest!)
  return [...results].map(([isa, { ms, gbps }]) => ({
    work: 'scan',
    name: `${op} ${type}`,
    isa,
    dims,
    ms,
    gbps,
    ratio: gbps / bandwidth,
  }))
}

/**
 * Milliseconds per distance of each implementation: `choose` picks from `rounds` samples, which are sorted. Every round
 * takes one sample of each, in an order of its own, so that what happens to the machine happens to all of them.
 */
async function sample(
  implementations: readonly string[],
  rounds: number,
  run: (implementation: string) => LoopTime,
  choose: (samples: SortedSamples) => number,
): Promise<Map<string, { ms: number; gbps: number }>> {
  const random = new Random(seed)
  const times = new Map(implementations.map((name): [string, number[]] => [name, []]))
  const bytesPerCall = new Map<string, number>()
  // The first round warms up and is not counted.
  for (let round = -1; round < rounds; round++) {
    const order = Array.from(shuffledIndexes(implementations.length, random), (at) => implementations[at]!)
    for (const [name, { ms, bytes }] of await sampleOnce(order, run)) {
      bytesPerCall.set(name, bytes)
      if (round >= 0) times.get(name)!.push(ms)
    }
  }
  return new Map(
    [...times].map(([name, samples]) => {
      const ms = choose(sortSamples(samples))
      return [name, { ms, gbps: bytesPerCall.get(name)! / ms / 1e6 }]
    }),
  )
}

/** tinybench calls each once; the native loops keep the time, so that no call from JavaScript is in it. */
async function sampleOnce(
  order: readonly string[],
  run: (implementation: string) => LoopTime,
): Promise<Map<string, { ms: number; bytes: number }>> {
  const bench = new Bench({ time: 0, iterations: 1, warmup: false, throws: true, retainSamples: true })
  const bytesPerCall = new Map<string, number>()
  for (const name of order) {
    bench.add(name, () => {
      const { nanoseconds, calls, bytes } = run(name)
      bytesPerCall.set(name, bytes / calls)
      return { overriddenDuration: nanoseconds / calls / 1e6 }
    })
  }
  await bench.run()
  return new Map(
    bench.tasks.map(({ name, result }) => {
      if (result.state !== 'completed') throw new Error(`${name} ended as ${result.state}`)
      return [name, { ms: result.latency.samples![0]!, bytes: bytesPerCall.get(name)! }]
    }),
  )
}

function print({ rows }: Measured): readonly string[] {
  const scans = new Map(rows.filter(({ work }) => work === 'scan').map((row) => [keyOf(row), row]))
  const pairs = rows.filter(({ work }) => work === 'pair')
  const cells = pairs.map((pair) => {
    const scan = scans.get(keyOf(pair))!
    return [
      pair.name,
      String(pair.dims),
      pair.isa!,
      formatNumber(pair.ms * 1e6),
      formatNumber(pair.gbps!),
      `${formatNumber(pair.ratio)}x`,
      formatNumber(scan.ms * 1e6),
      formatNumber(scan.gbps!),
      formatNumber(scan.ratio),
    ]
  })
  const header = [
    'kernel',
    'dims',
    'isa',
    'ns in L1',
    'GB/s',
    'of plain',
    'ns from memory',
    'GB/s',
    'of bandwidth',
  ]
  return alignColumns(header, cells, 1)
}

function keyOf({ name, isa, dims }: Row): string {
  return `${name} ${isa} ${dims}`
}

await runBenchmark({
  command: 'npm run bench:kernels --',
  schema: 'simdgres.kernels/1',
  summary:
    'Times kernels in cache and from memory, beside code without SIMD and what the compiler makes of plain loops.',
  options: [{ name: 'ops', value: 'LIST', summary: `some of ${allOps.join(', ')}` }],
  measure,
  print,
})
