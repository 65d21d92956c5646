import { Agent } from 'node:https'
import type DockerClient from 'dockerode'
import type { DockerOptions } from 'dockerode'
import { SimdgresError } from '../../errors.js'
import { Docker } from './client.js'
import { type ContextEndpoint, readContext, readDockerConfig } from './docker-config.js'

/** The engine that the docker command of this shell would use. */
export interface Endpoint {
  /** For messages: the value of DOCKER_HOST, the context, or the default socket. */
  readonly name: string
  /** What a wrong or silent one needs, as the beginning of a hint: `Start Docker`. */
  readonly cure: string
  readonly options: DockerOptions
}

/**
 * As docker does: DOCKER_HOST first, then the context of DOCKER_CONTEXT or of `docker context use`, then the default
 * socket.
 * @throws ERR_UNAVAILABLE for a context that is not there, or of a kind that the engine's client cannot reach.
 */
export function findEndpoint(): Endpoint {
  const host = process.env['DOCKER_HOST']
  // The client reads it itself, with DOCKER_TLS_VERIFY and DOCKER_CERT_PATH.
  if (host) return { name: `DOCKER_HOST=${host}`, cure: 'Correct or unset DOCKER_HOST', options: {} }
  const context = process.env['DOCKER_CONTEXT'] || readDockerConfig().currentContext
  if (context === undefined || context === '' || context === 'default') {
    return { name: 'the default socket', cure: 'Start Docker, set DOCKER_HOST', options: {} }
  }
  const endpoint = readContext(context)
  if (endpoint === undefined) throw unusable(context, 'is not there')
  return {
    name: `the docker context ${context}, ${endpoint.host}`,
    cure: 'Start its engine, choose another one with docker context use',
    options: describeContext(context, endpoint),
  }
}

/** A client of it. @throws ERR_UNAVAILABLE where the environment names no engine that could be connected to. */
export function connectTo({ name, cure, options }: Endpoint, timeoutMs?: number): DockerClient {
  try {
    return new Docker({ ...options, ...(timeoutMs !== undefined && { timeout: timeoutMs }) })
  } catch (cause) {
    // It parses DOCKER_HOST and reads the files of DOCKER_CERT_PATH at once.
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new SimdgresError(
      'ERR_UNAVAILABLE',
      `No Docker engine can be reached (${name}): ${why}`,
      hint(cure, why),
      {
        cause,
      },
    )
  }
}

function hint(cure: string, why: string): string {
  return why.includes('ENOENT')
    ? 'Unset DOCKER_CERT_PATH and DOCKER_HOST, which are left from an engine that is gone, or use --target local.'
    : `${cure}, or use --target local.`
}

function describeContext(context: string, { host, skipsVerification, tls }: ContextEndpoint): DockerOptions {
  if (host.startsWith('unix://')) return { socketPath: host.slice('unix://'.length) }
  if (host.startsWith('npipe://')) return { socketPath: host.slice('npipe://'.length) }
  const url = URL.canParse(host) ? new URL(host) : undefined
  if (!url?.hostname) throw unusable(context, `names ${host}, which is no address`)
  if (url.protocol === 'ssh:') {
    return {
      protocol: 'ssh',
      host: url.hostname,
      port: url.port || 22,
      username: url.username,
      sshOptions: { ...(process.env['SSH_AUTH_SOCK'] && { agent: process.env['SSH_AUTH_SOCK'] }) },
    }
  }
  if (!['tcp:', 'http:', 'https:'].includes(url.protocol)) {
    throw unusable(context, `names ${host}, which only the docker command can reach`)
  }
  const isEncrypted = url.protocol === 'https:' || Object.keys(tls).length > 0
  return {
    protocol: isEncrypted ? 'https' : 'http',
    host: url.hostname,
    port: url.port || (isEncrypted ? 2376 : 2375),
    ...tls,
    ...(isEncrypted && skipsVerification && { agent: new Agent({ ...tls, rejectUnauthorized: false }) }),
  } as DockerOptions
}

function unusable(context: string, why: string): SimdgresError {
  return new SimdgresError(
    'ERR_UNAVAILABLE',
    `The docker context ${context} ${why}`,
    'Choose another one with docker context use, set DOCKER_HOST, or use --target local.',
  )
}
