// The pages of the library's API, from the comments of what src/index.ts exports: `npm run docs` writes them to docs/api,
// `npm run check` looks at them only. A comment that is missing, or a link that leads nowhere, is an error.
// TypeDoc needs a TypeScript older than the one that compiles us, so it has packages of its own, pinned beside this file.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot, runNode, runQuietly, say } from '../../scripts/setup/shell.mjs'

const folder = join(packageRoot, 'docs', 'typedoc')

function isInstalled() {
  const installed = join(folder, 'node_modules', '.package-lock.json')
  if (!existsSync(installed)) return false
  const read = (/** @type {string} */ file) => JSON.parse(readFileSync(file, 'utf8')).packages
  const found = read(installed)
  const wanted = Object.entries(read(join(folder, 'package-lock.json')))
  return wanted.every(([name, { integrity }]) => name === '' || found[name]?.integrity === integrity)
}

if (!isInstalled()) {
  const install = [
    '--prefix',
    folder,
    'ci',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ]
  await runQuietly('Installing TypeDoc', 'npm', install)
}
const typedoc = join(folder, 'node_modules', 'typedoc', 'bin', 'typedoc')
const mode = process.argv.includes('--check') ? ['--emit', 'none'] : []
process.exitCode = await runNode(typedoc, ['--options', join(folder, 'typedoc.json'), ...mode])
if (process.exitCode === 0 && mode.length === 0) say('The pages are in docs/api: open docs/api/index.html')
