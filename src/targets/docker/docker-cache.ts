import { randomBytes } from 'node:crypto'
import type { ComposeService } from '../../config/compose-schema.js'
import { loadStack } from '../../config/stack.js'
import {
  createContainer,
  describeEnd,
  findPublishedPort,
  putSecrets,
  startContainer,
} from '../../engine/container.js'
import { type Container, connectEngine, type Engine, engineError } from '../../engine/engine.js'
import { ensureServiceImage } from '../../engine/images/image.js'
import { ownerLabels, removeContainer, removeVolume } from '../../engine/owner.js'
import { describeHost, describeProcess, secretsFolder } from '../../engine/service-description.js'
import { createVolume } from '../../engine/volumes.js'
import { SimdgresError, throwIfAborted } from '../../errors.js'
import { createAuthority, createServerCertificate } from '../../system/certificates.js'
import type { CacheServer, CacheServerOptions } from '../cache-server.js'

const redisPort = '6379/tcp'
const passwordBytes = 24

/** The redis service of docker/compose.yaml in a container of its own: the stack's image, limits, hardening and TLS. */
export async function startDockerCache(options: CacheServerOptions): Promise<CacheServer & { name: string }> {
  const { progress, signal } = options
  const engine = connectEngine()
  const service = loadRedisService()
  const imageId = await ensureServiceImage(engine, service, progress, signal)
  throwIfAborted(signal)
  const name = `simdgres-cache-${process.pid}-${randomBytes(4).toString('hex')}`
  const secrets = await makeSecrets()
  const stop = async (): Promise<void> => {
    await removeContainer(engine, name)
    await removeVolume(engine, `${name}-secrets`)
  }
  try {
    const container = await createCache(engine, { service, name, imageId })
    const [uid = 0, gid = 0] = (service.user ?? '0:0').split(':').map(Number)
    await putSecrets(container, secrets.files, { uid, gid })
    progress.note(`starting the container ${name}`)
    await startContainer(container, undefined)
    const port = await findPublishedPort(container, redisPort)
    if (port === undefined) throw await describeEnd(container)
    const url = `rediss://cache:${secrets.password}@127.0.0.1:${port}`
    return { name, redis: { url, ca: secrets.authorityPem }, stop }
  } catch (error) {
    const failure = engineError(error, 'starting Redis', signal)
    await stop()
    throw failure
  }
}

function loadRedisService(): ComposeService {
  const service = loadStack({ overrides: { STACK_DIR: '/nonexistent', STACK_DATA_DIR: '' } }).services[
    'redis'
  ]
  if (service) return service
  throw new SimdgresError(
    'ERR_INVALID_ARGUMENT',
    'docker/compose.yaml has no service redis',
    'Restore the file from the package.',
  )
}

interface CacheContainer {
  readonly service: ComposeService
  readonly name: string
  readonly imageId: string
}

async function createCache(engine: Engine, { service, name, imageId }: CacheContainer): Promise<Container> {
  const labels = ownerLabels()
  const volume = `${name}-secrets`
  await createVolume(engine, volume, labels)
  return createContainer(engine, {
    ...describeProcess(service),
    name,
    Image: imageId,
    Labels: { ...service.labels, ...labels },
    ExposedPorts: { [redisPort]: {} },
    HostConfig: {
      ...describeHost(service),
      RestartPolicy: { Name: 'no' },
      Mounts: [{ Type: 'volume', Source: volume, Target: secretsFolder, ReadOnly: false }],
      PortBindings: { [redisPort]: [{ HostIp: '127.0.0.1', HostPort: '' }] },
    },
  })
}

async function makeSecrets() {
  const authority = await createAuthority('cache')
  const names = { commonName: 'redis', dns: ['redis', 'localhost'], addresses: ['127.0.0.1'] }
  const { certificatePem, keyPem } = await createServerCertificate(names, authority)
  const password = randomBytes(passwordBytes).toString('base64url')
  const files = {
    redis_password: password,
    'ca.crt': authority.certificatePem,
    'tls.crt': certificatePem,
    'tls.key': keyPem,
  }
  return { password, authorityPem: authority.certificatePem, files }
}
