import type { Reporter, TestCase, TestModule, TestSuite } from 'vitest/node'

/** The title of a test or group that is skipped because of a problem, or the plain one where there is none. */
export function titleWith(problem: string | undefined, title: string): string {
  return problem === undefined ? title : `${title} (skipped: ${problem})`
}

/** Says at the end of a run why tests were skipped: what the test said itself, or a title made by titleWith. */
export class SkipReasons implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = new Map<string, number>()
    for (const module of modules) {
      for (const test of module.children.allTests('skipped')) {
        const reason = reasonOf(test)
        // Without one it is a test that the user's own filter left out.
        if (reason !== undefined) counts.set(reason, (counts.get(reason) ?? 0) + 1)
      }
    }
    for (const [reason, count] of counts) process.stdout.write(`${count} skipped: ${reason}\n`)
  }
}

/** Of a test in a group that is skipped as well, the group's. */
function reasonOf(test: TestCase): string | undefined {
  const result = test.result()
  let reason = result.state === 'skipped' ? result.note : undefined
  for (let at: TestCase | TestSuite | TestModule = test; at.type !== 'module'; at = at.parent) {
    reason = / \(skipped: (.+)\)$/s.exec(at.name)?.[1] ?? reason
  }
  return reason
}
