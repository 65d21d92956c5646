import { invalidArgument } from '../../errors.js'
import type { Command, CommandContext } from '../options/command.js'

export const report: Command = {
  name: 'report',
  positionals: 'RESULT.json [RESULT.json...]',
  summary: 'show results of bench again: as a table, charts, Markdown, CSV or JUnit; several side by side',
  description:
    'Reads files of simdgres bench --json and measures nothing. Of several results the others are held against the first, and ' +
    'only differences are named that are significant among all that are compared, beyond what a quiet machine drifts by between two ' +
    'runs. A busy one drifts by more: two versions are judged by simdgres gate. docs/benchmarks.md says how to read the charts.',
  examples: [
    'simdgres report result.json --html report.html',
    'simdgres report before.json after.json --markdown -',
    'simdgres report monday.json tuesday.json --csv figures.csv --junit rows.xml',
  ],
  options: [
    {
      name: 'html',
      value: 'FILE',
      summary: 'write a page with charts, one file without scripts; - for stdout',
    },
    { name: 'markdown', value: 'FILE', summary: 'write the table as Markdown' },
    { name: 'csv', value: 'FILE', summary: 'write every figure, a line for each row' },
    {
      name: 'junit',
      value: 'FILE',
      summary: 'write rows as test cases: failed ones, and exact ones that missed a neighbour, are failures',
    },
  ],
  exits: [
    [0, 'done, whatever the results say'],
    'ERR_INVALID_ARGUMENT',
    ['ERR_CORRUPT_DATA', 'a file is no result of bench, or one of another version'],
    'ERR_RESOURCE',
    'ERR_ABORTED',
  ],
  run,
}

async function run({ arguments: { options, positionals } }: CommandContext): Promise<void> {
  if (positionals.length === 0) {
    throw invalidArgument('report', 'at least one result', undefined, 'Name a file of simdgres bench --json.')
  }
  const { prepareReport } = await import('./report/outputs.js')
  const write = await prepareReport(options, positionals)
  await write()
}
