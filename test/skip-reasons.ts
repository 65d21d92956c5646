import type { Reporter, TestCase, TestModule, TestSuite } from 'vitest/node'

/** Says at the end of a run why tests were skipped: the last bracket in the title of the test or of a group around it. */
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
    for (const [reason, count] of counts) process.stdout.write(`${count} tests skipped: ${reason}\n`)
  }
}

function reasonOf(test: TestCase): string | undefined {
  const reasons: string[] = []
  for (let at: TestCase | TestSuite | TestModule = test; at.type !== 'module'; at = at.parent) {
    const bracket = /[([]([^()[\]]+)[)\]]$/.exec(at.name)
    if (bracket) reasons.push(bracket[1]!)
  }
  return reasons.at(-1)
}
