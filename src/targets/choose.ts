import { invalidArgument } from '../errors.js'
import type { Target, TargetId, TargetOptions } from './target.js'

/** One row per target; a module is loaded only when it is used. */
const factories: Readonly<Record<TargetId, (options: TargetOptions) => Promise<Target>>> = {
  docker: async (options) => new (await import('./docker/docker-target.js')).DockerTarget(options),
  local: async (options) => new (await import('./local/local-target.js')).LocalTarget(options),
  url: async (options) => new (await import('./url/url-target.js')).UrlTarget(options),
}

export const targetChoices = ['auto', ...(Object.keys(factories) as TargetId[])] as const
export type TargetChoice = (typeof targetChoices)[number]

/**
 * The target named `id`. `auto` is a container if a Docker engine answers, else a private server of the installed
 * PostgreSQL. Rejects with ERR_INVALID_ARGUMENT for an unknown name, and for a URL that the target would not use.
 */
export async function createTarget(id: TargetChoice, options: TargetOptions): Promise<Target> {
  if (!targetChoices.includes(id))
    throw invalidArgument('the target', `one of ${targetChoices.join(', ')}`, id)
  if (options.url !== undefined && id !== 'url') {
    throw invalidArgument('the target', 'url, because the URL of a server is given', id)
  }
  return factories[id === 'auto' ? await chooseTarget(options) : id](options)
}

async function chooseTarget({ progress }: TargetOptions): Promise<TargetId> {
  const { findEngineProblem } = await import('../engine/engine.js')
  const problem = await findEngineProblem()
  if (problem === undefined) return 'docker'
  progress.note(
    `No Docker engine answers (${problem}): the server runs from the installed PostgreSQL (--target local)`,
  )
  return 'local'
}
