import { z } from 'zod'
import {
  byteSize,
  durationMs,
  flag,
  integer,
  namedEntries,
  number,
  port,
  scalar,
  secret,
  stringMap,
  stringOrList,
  ulimit,
  volume,
} from './compose-values.js'

/**
 * The part of the Compose specification that we support. Objects are strict: a key that is missing here would be
 * ignored by our deployment but honoured by compose, and what is measured would not be what is shipped.
 */

const healthcheck = z.strictObject({
  test: z.union([z.string().transform((command) => ['CMD-SHELL', command]), z.array(z.string()).min(1)]),
  interval: durationMs.optional(),
  timeout: durationMs.optional(),
  retries: integer.optional(),
  start_period: durationMs.optional(),
})

const build = z.strictObject({
  context: z.string(),
  dockerfile: z.string(),
  target: z.string(),
  args: stringMap.default({}),
})

const dependency = z.strictObject({
  condition: z
    .enum(['service_started', 'service_healthy', 'service_completed_successfully'])
    .default('service_started'),
  /** Restart after the service it depends on has been recreated. */
  restart: flag.default(false),
  required: flag.default(true),
})
const plainDependency = { condition: 'service_started' as const, restart: false, required: true }

const attachment = z.strictObject({ aliases: z.array(z.string()).default([]) })

const service = z.strictObject({
  image: z.string().min(1),
  build,
  /** The image's own if left out; so is `entrypoint`. */
  command: z.array(scalar).optional(),
  entrypoint: z.array(scalar).optional(),
  environment: stringMap.default({}),
  labels: stringMap.default({}),
  hostname: z.string().optional(),
  user: scalar.optional(),
  group_add: z.array(scalar).default([]),
  profiles: z.array(z.string()).default([]),
  depends_on: namedEntries(dependency, plainDependency).default({}),
  networks: namedEntries(attachment, { aliases: [] }).default({}),
  read_only: flag.default(false),
  cap_drop: z.array(z.string()).default([]),
  cap_add: z.array(z.string()).default([]),
  security_opt: z.array(z.string()).default([]),
  init: flag.default(false),
  restart: z
    .string()
    .regex(
      /^(no|always|unless-stopped|on-failure(:\d+)?)$/,
      'has to be no, always, unless-stopped or on-failure[:N]',
    )
    .default('no'),
  logging: z.strictObject({ driver: z.string(), options: stringMap.default({}) }).optional(),
  secrets: z.array(secret).default([]),
  volumes: z.array(volume).default([]),
  tmpfs: stringOrList.default([]),
  ports: z.array(port).default([]),
  /** Documentation only: containers on one network reach all of each other's ports. */
  expose: z.array(scalar).default([]),
  mem_limit: byteSize.optional(),
  mem_reservation: byteSize.optional(),
  memswap_limit: byteSize.optional(),
  cpus: number.optional(),
  shm_size: byteSize.optional(),
  pids_limit: integer.optional(),
  oom_score_adj: z
    .union([z.number().int(), z.string().regex(/^-?\d+$/)])
    .transform(Number)
    .optional(),
  sysctls: stringMap.default({}),
  ulimits: z.record(z.string(), ulimit).default({}),
  stop_signal: z.string().optional(),
  stop_grace_period: durationMs.optional(),
  healthcheck: healthcheck.optional(),
})

const network = z.strictObject({
  internal: flag.default(false),
  driver: z.string().default('bridge'),
  driver_opts: stringMap.default({}),
  labels: stringMap.default({}),
  ipam: z.strictObject({ config: z.array(z.strictObject({ subnet: z.string() })) }).optional(),
})

const volumeBody = z.strictObject({ name: z.string().optional(), labels: stringMap.default({}) })

export const composeSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9_-]*$/, 'has to be lower-case letters, digits, - and _'),
  services: z.record(z.string(), service),
  networks: namedEntries(network, network.parse({})).default({}),
  volumes: namedEntries(volumeBody, { labels: {} }).default({}),
  secrets: z.record(z.string(), z.strictObject({ file: z.string() })).default({}),
})

/** A compose file after interpolation: sizes in bytes, durations in milliseconds, short forms taken apart. */
export type ComposeFile = z.output<typeof composeSchema>
export type ComposeService = z.output<typeof service>
export type ComposeNetwork = z.output<typeof network>
