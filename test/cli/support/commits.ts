import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { packageRoot } from '#src/system/cache-folder.js'

/** A commit of these files that no branch leads to; the repository's own work tree and index stay as they are. */
export async function commitFiles(
  files: Readonly<Record<string, string>>,
  repository = packageRoot,
): Promise<string> {
  const git = async (args: readonly string[], input?: string): Promise<string> => {
    const child = promisify(execFile)('git', ['-C', repository, ...args])
    child.child.stdin?.end(input)
    return (await child).stdout.trim()
  }
  const entries: string[] = []
  for (const [name, content] of Object.entries(files)) {
    entries.push(`100644 blob ${await git(['hash-object', '-w', '--stdin'], content)}\t${name}`)
  }
  const tree = await git(['mktree'], `${entries.join('\n')}\n`)
  const author = ['-c', 'user.name=test', '-c', 'user.email=test@example.org']
  return git([...author, 'commit-tree', tree, '-m', 'test'])
}

/** Of a commit of this project that `npm run build` builds by this command. */
export const manifest = (build: string) =>
  JSON.stringify({ name: 'simdgres', type: 'module', scripts: { build } })

/** A commit whose library is `source`: its node_modules are those of the work tree. */
export async function commitLibrary(source: string, repository = packageRoot): Promise<string> {
  const files = {
    'package.json': manifest('mkdir dist && cp index.js dist/'),
    'package-lock.json': await readFile(join(packageRoot, 'package-lock.json'), 'utf8'),
    'index.js': source,
  }
  return commitFiles(files, repository)
}

/** This work tree's library. */
export const sameLibrary = `export * from '${packageRoot}/dist/index.js'\n`

/** The same, but each search takes half as long again. */
export const slowLibrary = `${sameLibrary}
import { VectorSet as Real } from '${packageRoot}/dist/index.js'
const linger = (start) => {
  const end = performance.now()
  while (performance.now() < end + (end - start) / 2);
}
const slow = (search) => async (...args) => {
  const start = performance.now()
  const found = await search(...args)
  linger(start)
  return found
}
export const VectorSet = {
  from: (...args) =>
    new Proxy(Real.from(...args), {
      get(set, name) {
        const value = set[name]
        if (typeof value !== 'function') return value
        return name === 'search' ? slow(value.bind(set)) : value.bind(set)
      },
    }),
}
`
