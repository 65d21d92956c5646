import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { SimdgresError } from '../../errors.js'

/** What the docker command keeps for its user, as far as it concerns the engine's API. */
const configSchema = z.object({
  currentContext: z.string().optional(),
  auths: z
    .record(
      z.string(),
      z.object({
        auth: z.string().optional(),
        username: z.string().optional(),
        password: z.string().optional(),
        identitytoken: z.string().optional(),
      }),
    )
    .optional(),
  credsStore: z.string().optional(),
  credHelpers: z.record(z.string(), z.string()).optional(),
  proxies: z
    .record(
      z.string(),
      z.object({
        httpProxy: z.string().optional(),
        httpsProxy: z.string().optional(),
        noProxy: z.string().optional(),
      }),
    )
    .optional(),
})

export type DockerConfig = z.infer<typeof configSchema>

const contextSchema = z.object({
  Endpoints: z.object({
    docker: z.object({ Host: z.string(), SkipTLSVerify: z.boolean().optional() }),
  }),
})

/** Where the engine of a context is. */
export interface ContextEndpoint {
  readonly host: string
  readonly skipsVerification: boolean
  /** Of the files ca.pem, cert.pem and key.pem, where there are some. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string }
}

function configFolder(): string {
  return process.env['DOCKER_CONFIG'] || join(homedir(), '.docker')
}

/** Empty where there is no config.json. @throws ERR_INVALID_ARGUMENT for a file that cannot be understood. */
export function readDockerConfig(): DockerConfig {
  return readJson(join(configFolder(), 'config.json'), configSchema) ?? {}
}

/** Undefined where docker knows no context of that name. @throws ERR_INVALID_ARGUMENT */
export function readContext(name: string): ContextEndpoint | undefined {
  // Contexts lie in folders that are named by a hash: a name may hold any character.
  const id = createHash('sha256').update(name).digest('hex')
  const folder = join(configFolder(), 'contexts')
  const meta = readJson(join(folder, 'meta', id, 'meta.json'), contextSchema)
  if (meta === undefined) return undefined
  const { Host: host, SkipTLSVerify: skipsVerification = false } = meta.Endpoints.docker
  const tls: Record<string, string> = {}
  for (const part of ['ca', 'cert', 'key']) {
    const text = readIfPresent(join(folder, 'tls', id, 'docker', `${part}.pem`))
    if (text !== undefined) tls[part] = text
  }
  return { host, skipsVerification, tls }
}

function readJson<T>(file: string, schema: z.ZodType<T>): T | undefined {
  const text = readIfPresent(file)
  if (text === undefined) return undefined
  try {
    return schema.parse(JSON.parse(text))
  } catch (cause) {
    throw new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      `The file ${file} is not a configuration of docker`,
      'Correct it, or set DOCKER_CONFIG to another folder.',
      { cause },
    )
  }
}

function readIfPresent(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR'].includes((cause as NodeJS.ErrnoException).code ?? '')) return undefined
    throw new SimdgresError(
      'ERR_RESOURCE',
      `Cannot read ${file}, a part of docker's configuration`,
      'Check its permissions, or set DOCKER_CONFIG to another folder.',
      { cause },
    )
  }
}
