import type { ContainerCreateOptions, HostConfig } from 'dockerode'
import type { ComposeService } from '../config/compose-schema.js'

export type {
  ContainerCreateOptions as ContainerOptions,
  EndpointsConfig,
  HostConfig,
  MountSettings,
  PortMap,
} from 'dockerode'

/** Where the files of `secrets` are mounted, as with compose. */
export const secretsFolder = '/run/secrets'

const nanosecondsPerMs = 1_000_000

/**
 * The engine's create options for the process of a compose service: everything but its name, image, networks, ports,
 * mounts and restart policy, which depend on who deploys it.
 */
export function describeProcess(service: ComposeService): ContainerCreateOptions {
  const { stop_grace_period: graceMs, stop_signal: stopSignal, healthcheck } = service
  return {
    ...(service.command && { Cmd: [...service.command] }),
    ...(service.entrypoint && { Entrypoint: [...service.entrypoint] }),
    Env: listEnvironment(service.environment),
    ...(service.hostname !== undefined && { Hostname: service.hostname }),
    ...(service.user !== undefined && { User: service.user }),
    ...(stopSignal !== undefined && { StopSignal: stopSignal }),
    ...(graceMs !== undefined && { StopTimeout: Math.ceil(graceMs / 1000) }),
    ...(healthcheck && {
      Healthcheck: {
        Test: healthcheck.test,
        Interval: (healthcheck.interval ?? 0) * nanosecondsPerMs,
        Timeout: (healthcheck.timeout ?? 0) * nanosecondsPerMs,
        StartPeriod: (healthcheck.start_period ?? 0) * nanosecondsPerMs,
        Retries: healthcheck.retries ?? 0,
      },
    }),
  }
}

/** Limits, hardening and logging. */
export function describeHost(service: ComposeService): HostConfig {
  return {
    ReadonlyRootfs: service.read_only,
    CapDrop: service.cap_drop,
    CapAdd: service.cap_add,
    SecurityOpt: service.security_opt,
    Init: service.init,
    Tmpfs: Object.fromEntries(service.tmpfs.map(splitTmpfs)),
    Ulimits: Object.entries(service.ulimits).map(([Name, { soft, hard }]) => ({
      Name,
      Soft: soft,
      Hard: hard,
    })),
    ...(service.group_add.length > 0 && { GroupAdd: service.group_add }),
    ...(Object.keys(service.sysctls).length > 0 && { Sysctls: service.sysctls }),
    ...(service.logging && {
      LogConfig: { Type: service.logging.driver, Config: service.logging.options },
    }),
    ...(service.mem_limit !== undefined && { Memory: service.mem_limit }),
    ...(service.mem_reservation !== undefined && { MemoryReservation: service.mem_reservation }),
    ...(service.memswap_limit !== undefined && { MemorySwap: service.memswap_limit }),
    ...(service.cpus !== undefined && { NanoCpus: Math.round(service.cpus * 1e9) }),
    ...(service.shm_size !== undefined && { ShmSize: service.shm_size }),
    ...(service.pids_limit !== undefined && { PidsLimit: service.pids_limit }),
    ...(service.oom_score_adj !== undefined && { OomScoreAdj: service.oom_score_adj }),
  }
}

export function listEnvironment(environment: Readonly<Record<string, string>>): string[] {
  return Object.entries(environment).map(([name, value]) => `${name}=${value}`)
}

function splitTmpfs(entry: string): [path: string, options: string] {
  const colon = entry.indexOf(':')
  return colon < 0 ? [entry, ''] : [entry.slice(0, colon), entry.slice(colon + 1)]
}
