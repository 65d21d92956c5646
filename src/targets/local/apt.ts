import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SimdgresError } from '../../errors.js'

/** One archive as apt's sources name it. */
export interface AptSource {
  readonly uri: string
  readonly suites: readonly string[]
  readonly components: readonly string[]
  /** Options that say how the index is checked: `signed-by=/usr/share/keyrings/...`. */
  readonly options: readonly string[]
}

/** The options that decide whether a source's index is trusted. Others, such as `arch`, do not matter for source packages. */
const trustOptions = ['signed-by', 'trusted']

/**
 * Writes the configuration of an apt that works in `folder` alone and knows the source packages of `suite`, taken from
 * the Debian archives this machine already uses. The machine's own lists are neither changed nor locked, and no root
 * is needed. Resolves with the arguments that make `apt-get` use it; ERR_UNAVAILABLE on anything but Debian.
 */
export async function configurePrivateApt(folder: string, suite: string): Promise<string[]> {
  const sources = await findDebianArchives()
  const list = join(folder, 'sources.list')
  const lines = sources.map((source) => {
    const options = source.options.length > 0 ? `[${source.options.join(' ')}] ` : ''
    return `deb-src ${options}${source.uri} ${suite} main\n`
  })
  await writeFile(list, lines.join(''))
  await mkdir(join(folder, 'lists', 'partial'), { recursive: true })
  await mkdir(join(folder, 'archives', 'partial'), { recursive: true })
  const config = join(folder, 'apt.conf')
  await writeFile(
    config,
    [
      `Dir::Etc::sourcelist "${list}";`,
      'Dir::Etc::sourceparts "-";',
      `Dir::State::lists "${join(folder, 'lists')}";`,
      `Dir::Cache "${folder}";`,
      `Dir::Cache::archives "${join(folder, 'archives')}";`,
      // apt's own sandbox user cannot enter a cache folder inside somebody's home.
      'APT::Sandbox::User "";',
      // The machine's hooks are about its own lists, which are not touched here, and may need root.
      '#clear APT::Update::Post-Invoke;',
      '#clear APT::Update::Post-Invoke-Success;',
      '',
    ].join('\n'),
  )
  return ['-q', '-c', config]
}

/** The machine's main archives: those of the installed release, without its security and update suites. */
async function findDebianArchives(): Promise<AptSource[]> {
  const release = existsSync('/etc/os-release') ? await readFile('/etc/os-release', 'utf8') : ''
  const field = (name: string) => new RegExp(`^${name}="?([^"\\n]*)"?$`, 'm').exec(release)?.[1]
  const codename = field('VERSION_CODENAME')
  const sources = (await readAptSources('/etc/apt')).filter(
    ({ suites, components }) => codename && suites.includes(codename) && components.includes('main'),
  )
  if (field('ID') !== 'debian' || sources.length === 0) {
    throw new SimdgresError(
      'ERR_UNAVAILABLE',
      'pgvector is not installed for this PostgreSQL, and its source package can only be fetched on Debian',
      'Install pgvector for this PostgreSQL (package postgresql-N-pgvector), or use --target docker.',
    )
  }
  return sources
}

/** Reads sources.list and sources.list.d of `folder`. */
export async function readAptSources(folder: string): Promise<AptSource[]> {
  const parts = join(folder, 'sources.list.d')
  const names = existsSync(parts) ? (await readdir(parts)).sort().map((name) => join(parts, name)) : []
  const files = [join(folder, 'sources.list'), ...names].filter((file) => existsSync(file))
  const sources: AptSource[] = []
  for (const file of files) {
    const text = await readFile(file, 'utf8')
    if (file.endsWith('.list')) sources.push(...parseOneLineSources(text))
    else if (file.endsWith('.sources')) sources.push(...parseStanzas(text))
  }
  return sources
}

/** `deb [signed-by=/path] uri suite component...` lines. */
function parseOneLineSources(text: string): AptSource[] {
  const sources: AptSource[] = []
  for (const line of text.split('\n')) {
    const match = /^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]+)/.exec(line.trim())
    if (!match) continue
    const [, options = '', uri = '', suite = '', components = ''] = match
    sources.push({
      uri,
      suites: [suite],
      components: words(components),
      options: words(options).filter((option) =>
        trustOptions.includes(option.split('=')[0]?.toLowerCase() ?? ''),
      ),
    })
  }
  return sources
}

/** Stanzas of `Field: value` lines (deb822), separated by empty lines. */
function parseStanzas(text: string): AptSource[] {
  const sources: AptSource[] = []
  for (const stanza of text.split(/\n\s*\n/)) {
    const field = (name: string) => new RegExp(`^${name}:[ \\t]*(.*)$`, 'im').exec(stanza)?.[1]?.trim() ?? ''
    if (!words(field('Types')).includes('deb') || /^no$/i.test(field('Enabled'))) continue
    const options = trustOptions
      .map((name) => ({ name, value: field(name) }))
      // An embedded key has no path to point at: apt then falls back to its trusted keyrings.
      .filter(({ name, value }) => (name === 'signed-by' ? value.startsWith('/') : value !== ''))
      .map(({ name, value }) => `${name}=${value}`)
    for (const uri of words(field('URIs'))) {
      sources.push({ uri, suites: words(field('Suites')), components: words(field('Components')), options })
    }
  }
  return sources
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '')
}
