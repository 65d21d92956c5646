/** A case of a suite; without trouble it has passed. */
export interface TestCase {
  readonly name: string
  readonly trouble?: Trouble | undefined
}

export interface Trouble {
  readonly tag: 'failure' | 'skipped'
  readonly text: string
}

/** A test suite as CI systems read it. */
export function renderSuite(name: string, durationMs: number, cases: readonly TestCase[]): string {
  const count = (tag: Trouble['tag']) => cases.filter(({ trouble }) => trouble?.tag === tag).length
  const attributes = [
    `name="${escapeXml(name)}"`,
    `tests="${cases.length}"`,
    `failures="${count('failure')}"`,
    `skipped="${count('skipped')}"`,
    `time="${(durationMs / 1000).toFixed(3)}"`,
  ]
  return [
    `<testsuite ${attributes.join(' ')}>`,
    ...cases.map((one) => renderCase(name.replace(' ', '.'), one)),
    '</testsuite>',
  ].join('\n')
}

export function renderSuites(suites: readonly string[]): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>${suites.join('\n')}</testsuites>\n`
}

function renderCase(suite: string, { name, trouble }: TestCase): string {
  const start = `<testcase classname="${escapeXml(suite)}" name="${escapeXml(name)}"`
  return trouble === undefined
    ? `${start}/>`
    : `${start}><${trouble.tag} message="${escapeXml(trouble.text)}"/></testcase>`
}

/** XML 1.0 allows no control characters, not even escaped. */
function escapeXml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
  return text.replace(/\p{Cc}/gu, ' ').replace(/[&<>"]/g, (c) => entities[c]!)
}
