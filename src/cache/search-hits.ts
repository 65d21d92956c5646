import { createHmac, timingSafeEqual } from 'node:crypto'
import { invalidArgument } from '../errors.js'

/** The hits of one search, nearest first. */
export interface SearchHits {
  /** `int4` ids or row numbers; BigInt64Array for `int8`. */
  readonly ids: Uint32Array | BigInt64Array
  /** One for each id, or empty if the search returns ids alone. */
  readonly distances: Float64Array
}

/** Version of the layout. It is part of the key. */
const layout = 1
/** Three uint32: bytes per id, number of ids, number of distances. */
const headerBytes = 12
/** HMAC-SHA-256 truncated to half, as in IPsec (RFC 4868). */
const tagBytes = 16

/** Everything that identifies a search except the version of its table. */
export interface SearchIdentity {
  readonly table: string
  readonly metric: string
  readonly k: number
  readonly settings: Readonly<Record<string, string | number | boolean>>
  readonly query: Float32Array
}

/** The name in Redis. It is keyed with the version, which only PostgreSQL knows, so it reveals neither version nor query. */
export function nameSearch(version: Buffer, { table, metric, k, settings, query }: SearchIdentity): string {
  const sorted = Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1))
  const digest = createHmac('sha256', version)
    .update(JSON.stringify(['name', layout, table, metric, k, sorted, query.length]))
    .update(bytesOf(query))
    .digest('base64url')
  return `simdgres:${digest}`
}

/** Header, distances, ids, little-endian like the machine. @throws ERR_INVALID_ARGUMENT for anything but SearchHits. */
export function encodeHits(hits: SearchHits): Buffer {
  const { ids, distances } = hits
  if (!(ids instanceof Uint32Array || ids instanceof BigInt64Array) || !(distances instanceof Float64Array)) {
    throw invalidArgument('the result of search', 'ids (Uint32Array, BigInt64Array) and distances', hits)
  }
  if (distances.length !== 0 && distances.length !== ids.length) {
    throw invalidArgument('distances', `${ids.length} values, one for each id, or none`, distances.length)
  }
  const header = Buffer.alloc(headerBytes)
  header.writeUInt32LE(ids.BYTES_PER_ELEMENT, 0)
  header.writeUInt32LE(ids.length, 4)
  header.writeUInt32LE(distances.length, 8)
  return Buffer.concat([header, bytesOf(distances), bytesOf(ids)])
}

/** The bytes, with a tag for this one name that only those who know the version can make. */
export function sealHits(version: Buffer, name: string, encoded: Buffer): Buffer {
  return Buffer.concat([encoded, makeTag(version, name, encoded)])
}

/** Undefined unless `sealHits` made these bytes for this version and name: they may be cut off, changed or forged. */
export function openHits(version: Buffer, name: string, sealed: Buffer): SearchHits | undefined {
  if (sealed.length < headerBytes + tagBytes) return undefined
  const encoded = sealed.subarray(0, -tagBytes)
  if (!timingSafeEqual(sealed.subarray(-tagBytes), makeTag(version, name, encoded))) return undefined
  const idBytes = encoded.readUInt32LE(0)
  const idCount = encoded.readUInt32LE(4)
  const distanceEnd = headerBytes + 8 * encoded.readUInt32LE(8)
  // Copied, because views need aligned memory and the reply is part of a larger buffer.
  const distances = new Float64Array(copyBytes(encoded, headerBytes, distanceEnd))
  const idBuffer = copyBytes(encoded, distanceEnd, distanceEnd + idBytes * idCount)
  return { ids: idBytes === 8 ? new BigInt64Array(idBuffer) : new Uint32Array(idBuffer), distances }
}

/** A copy for each of several callers that share a result. */
export function copyHits({ ids, distances }: SearchHits): SearchHits {
  return { ids: ids.slice(), distances: distances.slice() }
}

function makeTag(version: Buffer, name: string, encoded: Buffer): Buffer {
  return createHmac('sha256', version).update(`value ${name} `).update(encoded).digest().subarray(0, tagBytes)
}

function bytesOf(array: Uint32Array | BigInt64Array | Float32Array | Float64Array): Buffer {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength)
}

function copyBytes(source: Buffer, start: number, end: number): ArrayBuffer {
  return Uint8Array.from(source.subarray(start, end)).buffer
}
