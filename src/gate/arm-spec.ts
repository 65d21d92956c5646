import { invalidArgument } from '../errors.js'

/** One side of a comparison, as it is named on the command line. */
export type ArmSpec = (
  | { readonly kind: 'work-tree' }
  /** This project at a commit. */
  | { readonly kind: 'git'; readonly ref: string }
  /** An image of the server that the engine has. */
  | { readonly kind: 'image'; readonly name: string }
  /** A server that is there already. */
  | { readonly kind: 'url'; readonly url: string }
) & {
  /** Server parameters, by name. */
  readonly parameters: Readonly<Record<string, string>>
}

/** A base that was measured before: figures to look at, and nothing that judges. */
export interface ResultBase {
  readonly kind: 'result'
  /** Of simdgres bench --json. */
  readonly file: string
}

const forms =
  'git:REF, image:NAME, url:postgres://… or work-tree, each with +name=value for server parameters'

/**
 * Reads `git:main`, `image:name:tag`, `url:postgres://…`, `work-tree`, each followed by any number of `+name=value`.
 * @param option for messages.
 * @throws ERR_INVALID_ARGUMENT
 */
export function parseArm(option: string, text: string): ArmSpec {
  const [source = '', ...settings] = text.split(/\+(?=[a-z_][\w.]*=)/i)
  const parameters = Object.fromEntries(
    settings.map((setting): [string, string] => {
      const at = setting.indexOf('=')
      return [setting.slice(0, at).toLowerCase(), setting.slice(at + 1)]
    }),
  )
  if (source === 'work-tree') return { kind: 'work-tree', parameters }
  const [, kind, rest = ''] = /^(git|image|url):(.+)$/s.exec(source) ?? []
  switch (kind) {
    case 'git':
      // Git would take it for an option.
      if (rest.startsWith('-')) break
      return { kind, ref: rest, parameters }
    case 'image':
      return { kind, name: rest, parameters }
    case 'url':
      if (settings.length === 0) return { kind, url: rest, parameters }
      throw invalidArgument(option, 'no settings for a server that is there already', text)
  }
  throw invalidArgument(option, forms, text)
}

/**
 * As `parseArm`, and `result:FILE`.
 * @throws ERR_INVALID_ARGUMENT
 */
export function parseBase(option: string, text: string): ArmSpec | ResultBase {
  const [, file] = /^result:(.+)$/s.exec(text) ?? []
  return file === undefined ? parseArm(option, text) : { kind: 'result', file }
}

/** As the command line has it, without a password. */
export function nameArm(spec: ArmSpec | ResultBase): string {
  if (spec.kind === 'result') return `result:${spec.file}`
  const settings = Object.entries(spec.parameters).map(([name, value]) => `+${name}=${value}`)
  return [nameSource(spec), ...settings].join('')
}

function nameSource(spec: ArmSpec): string {
  switch (spec.kind) {
    case 'work-tree':
      return spec.kind
    case 'git':
      return `git:${spec.ref}`
    case 'image':
      return `image:${spec.name}`
    case 'url': {
      const { host, pathname } = new URL(spec.url)
      return `url:postgres://${host}${pathname}`
    }
  }
}
