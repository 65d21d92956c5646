import type { AdviceResult } from '../../result/advice.js'
import { adviceColumns, describeAdvice } from '../advise-columns.js'
import { escapeText, renderList, renderTable } from './fragments.js'

/** The report as Markdown; cures are blocks of code, so that they can be copied as they stand. */
export function renderAdviceMarkdown(result: AdviceResult): string {
  const { findings, indexes, notes, unseen } = result
  return `${[
    '# simdgres advise',
    '',
    escapeText(describeAdvice(result)),
    ...(indexes.length > 0 ? ['', ...renderTable(adviceColumns, indexes)] : []),
    ...findings.flatMap(({ code, severity, where, what, cure, expected }) => [
      '',
      `## ${severity}: ${code}`,
      '',
      escapeText(`${where}: ${what}.`),
      ...(cure.statements.length > 0
        ? [
            '',
            '```sql',
            ...cure.statements.map((text) => (cure.kind === 'server' ? `-- ${text}` : `${text};`)),
            '```',
          ]
        : []),
      ...(cure.restart ? ['', 'Then restart the server.'] : []),
      ...(cure.caution === undefined ? [] : ['', escapeText(cure.caution)]),
      '',
      escapeText(`Expected: ${expected}`),
    ]),
    ...(notes.length > 0 ? ['', '## Notes', '', ...renderList(notes)] : []),
    ...(unseen.length > 0 ? ['', '## Not seen', '', ...renderList(unseen)] : []),
  ].join('\n')}\n`
}
