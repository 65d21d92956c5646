// Puts the addon that was just built where the loader looks first, so that `npm pack` and `npm publish` ship it for this
// platform: users of it need no compiler. Node-API keeps one binary good for every Node of `engines`. With --remove only
// takes it away again, so that it does not hide the addons that are built here later.
import { copyFileSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folder = join(root, 'prebuilds', `${process.platform}-${process.arch}`)
rmSync(folder, { recursive: true, force: true })
if (!process.argv.includes('--remove')) {
  mkdirSync(folder, { recursive: true })
  copyFileSync(join(root, 'build', 'Release', 'simdgres.node'), join(folder, 'simdgres.node'))
}
