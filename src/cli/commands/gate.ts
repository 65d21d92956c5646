import type { GateResult } from '../../result/gate-schema.js'
import type { Command, CommandContext } from '../options/command.js'
import { readFlag } from '../options/option-table.js'
import { TerminalProgress } from '../terminal/progress.js'

const exitCodes: Readonly<Record<GateResult['verdict'], number>> = {
  ok: 0,
  improved: 0,
  regressed: 10,
  inconclusive: 11,
  'not comparable': 12,
  'not judged': 0,
}

export const gate: Command = {
  name: 'gate',
  positionals: '',
  summary:
    'say whether a change has made search slower or less accurate, with an error rate that is tested by simulation',
  description:
    'Measures two versions in one run, in blocks of turns that take base and head by turns over the same queries, and ' +
    'judges each row by a test over the blocks. What seems to have changed is measured again on fresh servers. ' +
    'An arm is git:REF (this project at a commit, built in the cache folder), work-tree, image:NAME or url:postgres://…, ' +
    'each with +name=value for server parameters. A base result:FILE, of bench --json, informs and judges nothing. Approximate indexes differ from build to build: they are built several ' +
    'times in each arm, and judged by speed and recall.',
  examples: [
    'simdgres gate',
    'simdgres gate --base git:HEAD~1 --markdown comment.md --junit gate.xml',
    'simdgres gate --base work-tree --head work-tree+shared_buffers=64MB',
    'simdgres gate --self-test',
  ],
  options: [
    {
      name: 'base',
      value: 'ARM',
      summary: 'what to compare with',
      fallback: 'git: the merge base with main',
    },
    { name: 'head', value: 'ARM', summary: 'what to judge', fallback: 'work-tree' },
    {
      name: 'config',
      value: 'FILE',
      summary: 'what to measure and what counts as a change; options of the command line win',
      fallback: 'simdgres.json, if the working folder has one',
    },
    { name: 'a-a', summary: 'compare the base with itself: nothing may differ' },
    {
      name: 'self-test',
      summary:
        'make the head worse on purpose, by 5 % of the time of one path and by a point of the recall of another, and fail unless that is seen',
    },
    {
      name: 'paths',
      value: 'LIST',
      summary: 'as for bench',
      fallback: 'null,pgvector-exact,extension-exact,addon-exact,addon-batch',
    },
    { name: 'dataset', value: 'NAME', summary: 'as for bench', fallback: 'glove-100' },
    { name: 'metric', value: 'NAME', summary: 'as for bench' },
    { name: 'rows', value: 'N', summary: 'search a seeded choice of N vectors', fallback: '30000' },
    { name: 'queries', value: 'N', summary: 'vectors held out as queries', fallback: '1000' },
    { name: 'k', value: 'N', summary: 'neighbours to find', fallback: '10' },
    {
      name: 'builds',
      value: 'N',
      summary: 'how often each arm builds an approximate index, 3 times at least',
      fallback: '5',
    },
    {
      name: 'recall',
      value: 'LIST',
      summary: 'approximate paths are compared at the settings that reach these recalls in the base',
      fallback: '0.95',
    },
    { name: 'threads', value: 'N', summary: 'threads of paths in this process', fallback: 'all processors' },
    { name: 'seed', value: 'N', summary: 'decides rows, queries and the order of turns', fallback: '1' },
    {
      name: 'budget',
      value: 'TIME',
      summary: 'time to measure, both stages together; builds, loading and warm-up come on top',
      fallback: '5m',
    },
    { name: 'json', value: 'FILE', summary: 'write the result to FILE' },
    { name: 'markdown', value: 'FILE', summary: 'write a comment for a pull request' },
    { name: 'junit', value: 'FILE', summary: 'write a JUnit report' },
    { name: 'history', value: 'FILE', summary: 'append the result to FILE, a line of JSON' },
    { name: 'dry-run', summary: 'show what would be compared' },
  ],
  exits: [
    [0, 'ok, improved, or not judged because the base is a result of before'],
    [10, 'regressed'],
    [11, 'inconclusive: too noisy to judge; neutral in CI, not red'],
    [12, 'not comparable: the base does not build, or no row runs in both arms'],
    ['ERR_CHECK_FAILED', 'a self-test did not see what it made worse, or a defect of simdgres'],
    'ERR_INVALID_ARGUMENT',
    'ERR_UNAVAILABLE',
    'ERR_RESOURCE',
    'ERR_LOST_CONNECTION',
    'ERR_ABORTED',
  ],
  run,
}

async function run({ arguments: given, signal, endWith }: CommandContext): Promise<void> {
  const { readGateRequest } = await import('./gate/request.js')
  const { nameArm } = await import('../../gate/arm-spec.js')
  const request = await readGateRequest(given, signal)
  const { options } = given
  if (readFlag(options, 'dry-run')) {
    const { isApproximate } = await import('../../gate/planted-change.js')
    const { base, head, paths, dataset, rows, budgetMs, recallTargets, builds } = request
    const plan = [
      `base      ${nameArm(base)}`,
      `head      ${nameArm(head)}`,
      `paths     ${paths.join(', ')}`,
      `data set  ${dataset}, at most ${rows} rows`,
      ...(paths.some(isApproximate)
        ? [`recall    ${recallTargets.join(', ')} in the base, over ${builds} builds of each arm`]
        : []),
      `time      ${budgetMs / 1000} s of measuring, both stages together`,
    ]
    process.stdout.write(`${plan.join('\n')}\n`)
    return
  }
  const { prepareGateOutputs } = await import('./gate/outputs.js')
  const write = await prepareGateOutputs(options)
  const { runGate } = await import('../../gate/run-gate.js')
  const progress = new TerminalProgress({ quiet: readFlag(options, 'quiet'), stream: process.stderr })
  const result = await runGate(request, { progress, signal }).finally(() => progress.clear())
  await write(result)
  if (request.planted === undefined) return endWith(exitCodes[result.verdict])
  const { requireSeen } = await import('../../gate/self-test.js')
  requireSeen(result, request.planted)
}
