import type { Progress } from '../../progress.js'
import { readDockerConfig } from '../connection/docker-config.js'

/** Names of the variables and of the fields of config.json. */
const names = [
  ['HTTP_PROXY', 'httpProxy'],
  ['HTTPS_PROXY', 'httpsProxy'],
  ['NO_PROXY', 'noProxy'],
] as const

/** A container has a loopback of its own. */
const loopback = /^(?:[a-z0-9]+:\/\/)?(?:[^@/]*@)?(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?:[:/]|$)/i

/**
 * Build arguments with the proxies of ~/.docker/config.json, as docker and Compose pass them, else of the shell's
 * variables. The engine knows these arguments: they reach every step, and are part of neither image nor cache.
 */
export function findBuildProxies(progress: Progress): Record<string, string> {
  const { proxies = {} } = readDockerConfig()
  const configured = proxies[process.env['DOCKER_HOST'] ?? 'default'] ?? proxies['default'] ?? {}
  const found: Record<string, string> = {}
  for (const [name, field] of names) {
    const lowerCase = name.toLowerCase()
    const ofShell = process.env[name] ?? process.env[lowerCase]
    const value = configured[field] ?? ofShell
    if (!value) continue
    if (value === ofShell && field !== 'noProxy' && loopback.test(value)) {
      progress.note(`${name} is on the loopback of this machine, which no build can reach: it builds without`)
      continue
    }
    // Programs differ in which one they read.
    found[name] = value
    found[lowerCase] = value
  }
  return found
}
