import { invalidArgument, SimdgresError } from '../errors.js'

/** The catalogue of minimal operand images that CloudNativePG publishes; it has an image of pgvector too. */
export const defaultCatalog = 'postgresql-minimal-trixie'

/** First major version that finds extensions outside of its own folders. */
const firstWithExtensionPath = 18

/** What `simdgres manifest cnpg` describes. */
export interface CnpgRequest {
  readonly name: string
  readonly namespace?: string
  /** Major version. */
  readonly postgres: number
  readonly instances: number
  /** Limit and request of each instance. */
  readonly memoryBytes: number
  readonly cpus: number
  /** Volume of each instance. */
  readonly storageBytes: number
  readonly storageClass?: string
  readonly database: string
  /** Role that the operator makes, and to which the database belongs. */
  readonly owner: string
  /** Where PostgreSQL and the extensions come from. */
  readonly images: CnpgImages
  readonly backup: CnpgBackup
  /** Cron with seconds: six fields. */
  readonly schedule: string
}

export type CnpgImages =
  /** One image has all. */
  | { readonly kind: 'operand'; readonly operand: string }
  /** Operand and pgvector come from a catalogue, or are named. */
  | { readonly kind: 'extension'; readonly extension: string; readonly catalog: string }
  | {
      readonly kind: 'extension'
      readonly extension: string
      readonly operand: string
      readonly vector: string
    }

export type CnpgBackup =
  /** An ObjectStore of the Barman Cloud plugin, which is there already and has its credentials. */
  | { readonly kind: 'object-store'; readonly name: string }
  | { readonly kind: 'snapshot'; readonly className?: string }
  | { readonly kind: 'none' }

export interface ImageOptions {
  readonly postgres: number
  readonly image?: string | undefined
  readonly extensionImage?: string | undefined
  readonly vectorImage?: string | undefined
  readonly catalog?: string | undefined
}

/** @throws ERR_INVALID_ARGUMENT where the options leave open or contradict where an image comes from. */
export function chooseImages(options: ImageOptions): CnpgImages {
  const { postgres, image, extensionImage, vectorImage, catalog } = options
  if (image !== undefined) requireTag(image, postgres)
  if (extensionImage === undefined) {
    const unused = vectorImage === undefined ? catalog && '--catalog' : '--vector-image'
    if (unused) throw conflict(`${unused} goes with --extension-image`, 'Give both, or neither.')
    if (image !== undefined) return { kind: 'operand', operand: image }
    throw new SimdgresError(
      'ERR_INVALID_ARGUMENT',
      'Nothing says which image has the extension',
      postgres < firstWithExtensionPath
        ? 'Give --image, an operand image with the extension (docs/kubernetes.md).'
        : 'Give --extension-image, or --image for an operand image with the extension (docs/kubernetes.md).',
    )
  }
  if (postgres < firstWithExtensionPath) {
    throw conflict(
      `PostgreSQL ${postgres} cannot load --extension-image`,
      'Use --postgres 18, or --image with an operand image that has the extension.',
    )
  }
  if (image === undefined) {
    if (vectorImage !== undefined) {
      throw conflict('--vector-image goes with --image', 'Give both, or leave both to the catalogue.')
    }
    return { kind: 'extension', extension: extensionImage, catalog: catalog ?? defaultCatalog }
  }
  if (catalog !== undefined) throw conflict('--image and --catalog name the same', 'Give one of them.')
  if (vectorImage === undefined) {
    throw conflict(
      'The extension needs pgvector, and --image does not say where it is',
      'Give --vector-image, the image volume of pgvector, or leave --image to the catalogue.',
    )
  }
  return { kind: 'extension', extension: extensionImage, operand: image, vector: vectorImage }
}

/** The operator reads the major version from the tag. */
function requireTag(image: string, postgres: number): void {
  const tag = /:([\w.-]+)(?:@sha256:[0-9a-f]{64})?$/.exec(image)?.[1]
  if (tag !== undefined && new RegExp(`^${postgres}(?:[._-]|$)`).test(tag)) return
  throw invalidArgument(
    '--image',
    `an image whose tag begins with ${postgres}`,
    image,
    'The operator reads the major version from the tag, such as app/postgresql:17-1.',
  )
}

/** Names in Kubernetes, as far as this operator takes them. */
export function requireName(option: string, text: string, longest = 50): string {
  if (text.length <= longest && /^[a-z]([a-z0-9-]*[a-z0-9])?$/.test(text)) return text
  throw invalidArgument(
    option,
    `lower-case letters, digits and hyphens, a letter first, at most ${longest}`,
    text,
  )
}

/** @throws ERR_INVALID_ARGUMENT for what the operator would refuse, which is cron with a field for seconds. */
export function requireSchedule(text: string): string {
  const fields = text.trim().split(/\s+/)
  if (fields.length === 6 && fields.every((field) => /^[\d*/,A-Za-z?-]+$/.test(field)))
    return fields.join(' ')
  throw invalidArgument(
    '--schedule',
    'six fields of cron, seconds first',
    text,
    'For example: "0 0 2 * * *", at two each night.',
  )
}

function conflict(message: string, hint: string): SimdgresError {
  return new SimdgresError('ERR_INVALID_ARGUMENT', message, hint)
}
