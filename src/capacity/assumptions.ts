import type { GrowthRun } from '../result/capacity-schema.js'
import { formatNumber } from '../result/numbers.js'
import type { CapacityRequest } from './estimate.js'
import { fanOutMs, usedShare } from './estimate.js'
import type { Growth } from './fit.js'
import { cachesOfSmallest } from './sizes.js'

/** What an estimate takes for granted, in sentences. */
export function listAssumptions(
  growth: GrowthRun,
  request: CapacityRequest,
  laws: { readonly p50: Growth },
  beyond: number,
): string[] {
  const largest = growth.points.at(-1)!.rows
  return [
    `The nodes are as fast as this machine (${growth.environment.cpu}, ${growth.environment.isa}), ` +
      `with ${request.cpus} processors and ${formatGib(request.memoryBytes)} of memory each.`,
    `The median of one node grows as ${describeLaw(laws.p50)} with n rows, as measured to ${largest.toLocaleString('en-US')}; ` +
      'the intervals hold what the points leave open, and 10 % between runs.',
    ...(growth.points[0]!.indexBytes < cachesOfSmallest * growth.cacheBytes
      ? [
          'The indexes of the smaller sets are in the cache of the processor, where a row costs half of what it does later: searches are slower than estimated. Give larger --sizes, or none.',
        ]
      : []),
    ...(beyond > 10
      ? [
          `A node has ${formatNumber(beyond)} times the rows of the largest measurement. Estimates were held against measurements for 10 times: give larger --sizes.`,
        ]
      : []),
    'Vectors are as hard to search as text embeddings, which their spectrum decides; other data differ: bench measures yours.',
    'The index of a node is in memory (three quarters of it); rows of the table are read for the answers alone.',
    'The volume holds table, index, half as much for REINDEX and dead rows, and the log.',
    ...(request.qps === undefined
      ? ['Latencies are those of a node that is not busy.']
      : [
          `Queries arrive at random and keep at most ${usedShare * 100} % of the processors busy; the wait is in the latencies.`,
        ]),
    `With shards every search asks all of them and waits for the slowest, ${fanOutMs} ms for the round trip.`,
    'Clients ran on the same machine, so a server by itself does a little more. Standbys for failover are not counted.',
  ]
}

function describeLaw({ terms }: Growth): string {
  return terms
    .map(({ power, factor }) => {
      if (power === 0) return `${formatNumber(factor)} ms`
      if (power === 1) return `${formatNumber(factor * 1e6)} ns · n`
      return `${formatNumber(factor * 1e6)} ns · n^${power.toFixed(2)}`
    })
    .join(' + ')
}

const formatGib = (bytes: number): string => `${formatNumber(bytes / 1024 ** 3)} GiB`
