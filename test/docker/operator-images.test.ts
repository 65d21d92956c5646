import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import type { Container, ContainerCreateOptions } from 'dockerode'
import pg from 'pg'
import { pack } from 'tar-stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadServerAlone } from '#src/config/stack.js'
import { connectEngine, followStream } from '#src/engine/engine.js'
import { packBuildContext } from '#src/engine/images/build-context.js'
import { ensureServiceImage } from '#src/engine/images/image.js'
import { ownerLabels, removeContainer, removeVolume } from '#src/engine/owner.js'
import { silent } from '#src/progress.js'
import { findHostPort } from '#src/targets/docker/server.js'
import { until } from '../stack/until.js'
import { type ImageFile, readImageFiles } from './image-files.js'
import { describeWithEngine, exec, readLog } from './sandbox.js'

const engine = connectEngine()
const never = new AbortController().signal
const password = 'for a container of one test'
const mebibyte = 1024 ** 2
/** A process of the operator has this group as well, whatever group the user has in the image. */
const operatorUser = 26

/** Builds a target of the Dockerfile for a major version; its name is that of no image of the stack. */
async function buildTarget(target: string, pgMajor: number): Promise<string> {
  const { build } = loadServerAlone({ overrides: { PG_MAJOR: String(pgMajor) } })
  const image = `simdgres-test/${target}:${pgMajor}`
  await ensureServiceImage(engine, { image, build: { ...build, target } }, silent, never)
  return image
}

/** Containers, volumes and images of one test file, removed at its end; what the engine has in its cache stays. */
class Operator {
  readonly #labels = ownerLabels()
  readonly #containers: Container[] = []
  readonly #volumes: string[] = []
  readonly #images: string[] = []

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { id } of this.#containers) await removeContainer(engine, id)
    for (const name of this.#volumes) await removeVolume(engine, name)
    for (const name of this.#images) await engine.getImage(name).remove()
  }

  /**
   * A server as the operator runs one: its user, a root that is read-only, no capabilities, folders in memory for what is
   * written, and a command of the operator's.
   * @param settings of the server, as `name=value`.
   */
  async startServer(
    image: string,
    settings: readonly string[],
    mounts: NonNullable<ContainerCreateOptions['HostConfig']>['Mounts'] = [],
  ): Promise<Container> {
    const folder = '/var/lib/postgresql/data/pgdata'
    const options = ['listen_addresses=*', 'unix_socket_directories=/controller/run', ...settings]
    const script = [
      `mkdir -p /controller/run && printf %s "$PASSWORD" >/controller/password`,
      `initdb --pgdata=${folder} --username=postgres --pwfile=/controller/password --auth-host=scram-sha-256`,
      `printf 'host all all all scram-sha-256\\n' >>${folder}/pg_hba.conf`,
      `exec postgres -D ${folder} ${options.map((option) => `-c '${option}'`).join(' ')}`,
    ]
    const memory = `rw,noexec,nosuid,uid=26,gid=26,mode=0700`
    const container = await engine.createContainer({
      name: `simdgres-test-${randomBytes(4).toString('hex')}`,
      Image: image,
      Entrypoint: ['bash', '-c'],
      Cmd: [script.join(' && ')],
      Env: [`PASSWORD=${password}`],
      User: `${operatorUser}:${operatorUser}`,
      Labels: this.#labels,
      ExposedPorts: { '5432/tcp': {} },
      HostConfig: {
        ReadonlyRootfs: true,
        CapDrop: ['ALL'],
        SecurityOpt: ['no-new-privileges:true'],
        Tmpfs: { '/controller': memory, '/tmp': memory, '/var/lib/postgresql/data': memory },
        PortBindings: { '5432/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] },
        Mounts: mounts,
      },
    })
    this.#containers.push(container)
    await container.start()
    const answers = async (): Promise<boolean> => {
      const { State } = await container.inspect()
      if (!State.Running) throw new Error(`The server ended: ${await readLog(container)}`)
      const ready = await exec(container, 'pg_isready', '--quiet', '--host=127.0.0.1')
      return ready.exitCode === 0
    }
    await until(answers, 120_000, 'the server answers')
    return container
  }

  /** A volume with the files of an image and the owners that they have there. */
  async makeImageVolume(files: readonly ImageFile[], image: string): Promise<string> {
    const name = `simdgres-test-${randomBytes(4).toString('hex')}`
    await engine.createVolume({ Name: name, Labels: this.#labels })
    this.#volumes.push(name)
    // Never started: a container is the way into a volume.
    const carrier = await engine.createContainer({
      Image: image,
      Labels: this.#labels,
      HostConfig: { Mounts: [{ Type: 'volume', Source: name, Target: '/volume' }] },
    })
    this.#containers.push(carrier)
    const archive = pack()
    for (const { header, content } of files) archive.entry({ ...header, size: content.length }, content)
    archive.finalize()
    await carrier.putArchive(Readable.from(archive), { path: '/volume' })
    return name
  }

  /** The operand without pgvector, which lies where the operator would mount an image of it. */
  async makeMinimalOperand(base: string): Promise<string> {
    const image = `simdgres-test/minimal-operand:${randomBytes(4).toString('hex')}`
    const steps = [
      'system=/usr/share/postgresql/18/extension own=/extensions/pgvector',
      'mkdir -p $own/lib $own/share/extension /extensions/simdgres',
      'mv $system/vector.control $system/vector--*.sql $own/share/extension/',
      'mv /usr/lib/postgresql/18/lib/vector.so $own/lib/',
    ]
    const dockerfile = `FROM ${base}\nUSER root\nRUN ${steps.join(' && ')}\nUSER ${operatorUser}\n`
    const file = { path: 'Dockerfile', content: Buffer.from(dockerfile), isExecutable: false }
    const stream = await engine.buildImage(packBuildContext({ files: [file], hash: '' }), {
      t: image,
      labels: this.#labels,
      rm: true,
      forcerm: true,
    })
    await followStream(engine, stream, () => undefined, never)
    this.#images.push(image)
    return image
  }
}

async function connect(container: Container): Promise<pg.Client> {
  const port = await findHostPort(container)
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', password, database: 'postgres' })
  await client.connect()
  return client
}

/** Creates the extensions and an index, and compares its answer with that of a plain scan. */
async function searchByIndex(client: pg.Client): Promise<void> {
  await client.query('CREATE EXTENSION simdgres CASCADE')
  await client.query('CREATE TABLE items (id int PRIMARY KEY, embedding vector(64))')
  await client.query(
    `INSERT INTO items SELECT i, (SELECT array_agg(sin(i * 13 + j * 7)::real) FROM generate_series(1, 64) j)
     FROM generate_series(1, 2000) i`,
  )
  await client.query('CREATE INDEX items_index ON items USING simdgres (embedding vector_l2_ops)')
  const search = `SELECT id FROM items ORDER BY embedding <-> (SELECT embedding FROM items WHERE id = 77), id LIMIT 10`
  const nearest = `SELECT id FROM items ORDER BY embedding <-> $1::vector LIMIT 10`
  const [{ embedding }] = (await client.query('SELECT embedding::text FROM items WHERE id = 77')).rows
  await client.query('SET enable_seqscan = off')
  const plan = await client.query({ text: `EXPLAIN ${nearest}`, values: [embedding] })
  expect(JSON.stringify(plan.rows)).toContain('Index Scan using items_index')
  const byIndex = await client.query(nearest, [embedding])
  await client.query('SET enable_seqscan = on; SET enable_indexscan = off')
  const byScan = await client.query(search)
  expect(byIndex.rows.map(({ id }) => id)).toEqual(byScan.rows.map(({ id }) => id))
}

await describeWithEngine('the image volume extension for CloudNativePG', () => {
  let image: string
  let files: ImageFile[]
  let operator: Operator

  beforeAll(async () => {
    image = await buildTarget('extension', 18)
    files = await readImageFiles(engine, image)
    operator = new Operator()
  }, 1_200_000)
  afterAll(async () => {
    await operator[Symbol.asyncDispose]()
  })

  test('has exactly the files of the layout, which nobody but their owner may write, and at most 2 MB', async () => {
    const folders = files.filter(({ header }) => header.type === 'directory')
    const others = files.filter(({ header }) => header.type !== 'directory')
    expect([...new Set(folders.map(({ path }) => path))].sort()).toEqual([
      'lib',
      'licenses',
      'licenses/simdgres',
      'share',
      'share/extension',
    ])
    expect(others.map(({ path }) => path).sort()).toEqual([
      'lib/simdgres.so',
      'licenses/simdgres/LICENSE',
      'share/extension/simdgres--0.1.0--0.2.0.sql',
      'share/extension/simdgres--0.1.0.sql',
      'share/extension/simdgres.control',
    ])
    for (const { path, header } of others) {
      expect(header.type, path).toBe('file')
      expect(header.mode! & 0o7022, path).toBe(0)
      expect(header.mode! & 0o444, path).toBe(0o444)
    }
    const { Size } = await engine.getImage(image).inspect()
    expect(Size).toBeLessThanOrEqual(2 * mebibyte)
  })

  test('runs nothing, is nobody, and says what it is', async () => {
    const { Config } = await engine.getImage(image).inspect()
    expect(Config.User).toBe('65532:65532')
    expect(Config.Entrypoint ?? []).toEqual([])
    expect(Config.Labels).toMatchObject({
      'org.opencontainers.image.licenses': 'MIT',
      'io.simdgres.postgresql': '18',
    })
  })

  test('has a library that loads on Debian 12 and later', () => {
    const { content } = files.find(({ path }) => path === 'lib/simdgres.so')!
    const versions = [...content.toString('latin1').matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) =>
      Number(minor),
    )
    expect(versions.length).toBeGreaterThan(0)
    // Debian 12 has 2.36. The compiler of the PostgreSQL 18 images is a newer one.
    expect(Math.max(...versions)).toBeLessThanOrEqual(36)
  })

  test('is found and searched on a read-only root as user 26, by the paths that the operator sets', async () => {
    const minimal = await operator.makeMinimalOperand(await buildTarget('operand-base', 18))
    const volume = await operator.makeImageVolume(files, minimal)
    const server = await operator.startServer(
      minimal,
      [
        'extension_control_path=$system:/extensions/pgvector/share:/extensions/simdgres/share',
        'dynamic_library_path=$libdir:/extensions/pgvector/lib:/extensions/simdgres/lib',
      ],
      [{ Type: 'volume', Source: volume, Target: '/extensions/simdgres', ReadOnly: true }],
    )
    expect((await exec(server, 'id', '-u')).output.trim()).toBe('26')
    for (const path of ['/extensions/simdgres/lib/new', '/usr/new']) {
      expect((await exec(server, 'touch', path)).output).toContain('Read-only file system')
    }
    const system = await exec(server, 'find', '/usr', '-name', 'simdgres*', '-o', '-name', 'vector.so')
    expect(system.output).toBe('')
    const client = await connect(server)
    try {
      await searchByIndex(client)
      const { rows } = await client.query('SELECT extname FROM pg_extension ORDER BY extname')
      expect(rows.map(({ extname }) => extname)).toEqual(['plpgsql', 'simdgres', 'vector'])
    } finally {
      await client.end()
    }
  })
})

await describeWithEngine('the operand image for CloudNativePG', () => {
  let image: string
  let operator: Operator

  beforeAll(async () => {
    image = await buildTarget('operand', 17)
    operator = new Operator()
  }, 1_200_000)
  afterAll(async () => {
    await operator[Symbol.asyncDispose]()
  })

  test('adds the files of the extension to its base, and nothing else', async () => {
    const base = await engine.getImage(await buildTarget('operand-base', 17)).inspect()
    const own = await engine.getImage(image).inspect()
    const baseLayers = base.RootFS.Layers ?? []
    expect(own.RootFS.Layers?.slice(0, baseLayers.length)).toEqual(baseLayers)
    const files = await readImageFiles(engine, image)
    const added = files.filter(({ path, header }) => header.type !== 'directory' && path.includes('simdgres'))
    expect(added.map(({ path }) => path).sort()).toEqual([
      'usr/lib/postgresql/17/lib/simdgres.so',
      'usr/share/postgresql/17/extension/simdgres--0.1.0--0.2.0.sql',
      'usr/share/postgresql/17/extension/simdgres--0.1.0.sql',
      'usr/share/postgresql/17/extension/simdgres.control',
    ])
    expect(own.RootFS.Layers).toHaveLength(baseLayers.length + 2)
  })

  test('is user 26 and has no entry point', async () => {
    const { Config } = await engine.getImage(image).inspect()
    expect(Config.User).toBe(String(operatorUser))
    expect(Config.Entrypoint ?? []).toEqual([])
  })

  test('starts as user 26 with a read-only root, with what the operator looks for, and searches', async () => {
    const server = await operator.startServer(image, [])
    for (const tool of ['initdb', 'postgres', 'pg_ctl', 'pg_controldata', 'pg_basebackup', 'du']) {
      expect((await exec(server, 'which', tool)).exitCode, tool).toBe(0)
    }
    expect((await exec(server, 'locale')).output).toContain('LANG=C.UTF-8')
    expect((await exec(server, 'id')).output).toContain('uid=26(postgres)')
    const client = await connect(server)
    try {
      await searchByIndex(client)
      expect((await client.query('SHOW server_encoding')).rows).toEqual([{ server_encoding: 'UTF8' }])
    } finally {
      await client.end()
    }
  })
})
