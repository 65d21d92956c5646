import { formatCount, formatDuration } from '../../../result/numbers.js'
import { listPoints, listServers } from '../../../tune/points.js'
import { expectGridMs, type GridRequest, type SearchRequest } from '../../../tune/request.js'

/** What a run would do and how long it would take; nothing is started to find out. */
export function describeTunePlan(request: GridRequest | SearchRequest): string[] {
  const { dataset, rows, paths, target, recall, knobs, clients } = request
  const shared = [
    `data set  ${dataset}${rows === undefined ? '' : `, at most ${formatCount(rows)} rows`}`,
    `target    ${target}`,
    `paths     ${paths.join(', ')}`,
    `clients   ${[clients].flat().join(', ')}`,
    `recall    ${recall}, for approximate paths`,
    ...knobs.map(({ knob, values }) => `knob      ${knob.name} (${knob.class}): ${values.join(', ')}`),
  ]
  if (request.mode === 'search') {
    return [
      ...shared,
      `goal      ${request.goal}`,
      `time      ${formatDuration(request.budgetMs)} of measuring at most; deployments, loading and restarts come on top`,
    ]
  }
  const servers = listServers(knobs)
  const points = servers.flatMap((server) => listPoints(knobs, paths, request.clients, server))
  const expectedMs = expectGridMs(points.length, servers.length, request.pointMs)
  return [
    ...shared,
    `points    ${formatCount(points.length)}, with ${formatCount(servers.length)} settings that need a restart`,
    `time      about ${formatDuration(expectedMs)}: ${formatDuration(request.pointMs)} for each point in ` +
      `${request.rounds} rounds; loading and index builds come on top`,
  ]
}
