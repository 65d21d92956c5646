#!/usr/bin/env node
// What a fresh machine needs, then the command: `node scripts/setup.mjs <command> [arguments]`.
// Nothing but Node's own modules here: this runs before anything is installed. A second run does no work twice.

/** The same as `engines` in package.json; test/package checks it. */
const oldestNode = [20, 19]

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1])) {
  console.error(
    `setup: Node ${process.versions.node} is too old. Install Node ${oldestNode.join('.')} or newer and run it again.`,
  )
  process.exitCode = 3
} else {
  // Loaded only now, because an older Node would stop at their syntax with a message nobody understands.
  const { runSetup } = await import('./setup/commands.mjs')
  process.exitCode = await runSetup(process.argv.slice(2))
}
