import { invalidArgument } from '../errors.js'
import { parsePostgresUrl } from '../targets/url/url-parsing.js'
import { splitUrl } from '../targets/url/url-text.js'

/** Where a shard is, for a person and for postgres_fdw. */
export interface Shard {
  readonly url: string
  /** Without the password. */
  readonly address: string
  readonly user: string
  readonly password: string
  /** Options of the foreign server that say where it is. */
  readonly options: readonly (readonly [name: string, value: string])[]
}

export function serverName(table: string, number: number): string {
  return `${table}_shard_${number}`
}

/** @param text URLs with a comma between. @throws ERR_INVALID_ARGUMENT */
export function readShards(text: string): Shard[] {
  const urls = text.split(/,(?=postgres(?:ql)?:\/\/)/)
  if (urls.length < 2) throw invalidArgument('--shards', 'two or more URLs with a comma between', urls.length)
  return urls.map((url, i) => {
    const { connection, sslMode, otherHosts } = parsePostgresUrl(url)
    if (otherHosts !== undefined)
      throw invalidArgument(`shard ${i + 1} of --shards`, 'one host', `${otherHosts.length + 1} hosts`)
    const { host, port, database, user, password } = connection
    const certificate = splitUrl(url).parameters.get('sslrootcert')
    return {
      ...{ url, user, password, address: `${host}:${port}/${database}` },
      options: [
        ['host', host],
        ['port', String(port)],
        ['dbname', database],
        ['sslmode', sslMode],
        ...(certificate ? [['sslrootcert', certificate] as const] : []),
      ],
    }
  })
}
