import { readDockerConfig } from '../connection/docker-config.js'

/** As the engine takes it with a pull. */
export interface RegistryLogin {
  readonly username?: string
  readonly password?: string
  readonly identitytoken?: string
  readonly serveraddress: string
}

export interface FoundLogin {
  /** Missing where nobody logged in to this registry. */
  readonly login?: RegistryLogin
  /** The program that keeps the login, which docker asks and we do not. */
  readonly helper?: string
}

/** Where the engine looks for images whose name begins with no host. */
const publicRegistry = 'docker.io'
/** The name under which `docker login` keeps the login to it. */
const publicRegistryKey = 'https://index.docker.io/v1/'

/** What `docker login` has kept for the registry of an image. */
export function findRegistryLogin(image: string): FoundLogin {
  const { auths = {}, credHelpers = {}, credsStore } = readDockerConfig()
  const registry = registryOf(image)
  const serveraddress = registry === publicRegistry ? publicRegistryKey : registry
  const [, entry] = Object.entries(auths).find(([key]) => hostOf(key) === hostOf(serveraddress)) ?? []
  if (entry?.identitytoken) return { login: { identitytoken: entry.identitytoken, serveraddress } }
  const [username, password] = entry?.auth ? splitAuth(entry.auth) : [entry?.username, entry?.password]
  if (username && password) return { login: { username, password, serveraddress } }
  const helper = credHelpers[registry] ?? credsStore
  return helper === undefined ? {} : { helper: `docker-credential-${helper}` }
}

/** The part before the first slash is a host where it could not be a user of the public registry. */
function registryOf(image: string): string {
  const slash = image.indexOf('/')
  const first = image.slice(0, Math.max(0, slash))
  return /[.:]/.test(first) || first === 'localhost' ? first : publicRegistry
}

/** Keys are hosts or, from older versions of docker, addresses. */
function hostOf(key: string): string {
  return key.replace(/^https?:\/\//, '').replace(/\/.*$/, '')
}

function splitAuth(auth: string): [username: string, password: string] {
  const text = Buffer.from(auth, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return [text.slice(0, Math.max(0, colon)), text.slice(colon + 1)]
}
