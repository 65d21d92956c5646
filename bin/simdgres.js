#!/usr/bin/env node
import { existsSync } from 'node:fs'

// An installed package is built. A fresh clone is not yet: there, set-up comes first, and then the same command.
const isBuilt = existsSync(new URL('../dist/cli/main.js', import.meta.url))
const run = isBuilt
  ? (await import('../dist/cli/main.js')).main
  : (await import('../scripts/setup/commands.mjs')).runSetup
process.exitCode = await run(process.argv.slice(2))
