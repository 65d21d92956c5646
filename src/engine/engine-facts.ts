import { existsSync } from 'node:fs'
import { type Engine, engineError } from './engine.js'

/** Part of what `docker info` shows. */
export interface EngineFacts {
  readonly version: string
  readonly apiVersion: string
  readonly rootFolder: string
  readonly isOfThisMachine: boolean
  readonly cgroupVersion: string
  readonly canLimit: Readonly<Record<string, boolean>>
  readonly securityOptions: readonly string[]
  readonly memoryBytes: number
  readonly skewMs: number
}

interface EngineInfo {
  readonly ServerVersion: string
  readonly DockerRootDir: string
  readonly CgroupVersion?: string
  readonly MemoryLimit: boolean
  readonly SwapLimit: boolean
  readonly CpuCfsQuota: boolean
  readonly PidsLimit: boolean
  readonly SecurityOptions?: readonly string[]
  readonly MemTotal: number
  readonly SystemTime: string
  readonly KernelVersion: string
}

export async function readEngineFacts(engine: Engine): Promise<EngineFacts> {
  try {
    const askedAtMs = Date.now()
    const info = (await engine.info()) as EngineInfo
    const { ApiVersion } = await engine.version()
    return {
      version: info.ServerVersion,
      apiVersion: ApiVersion,
      rootFolder: info.DockerRootDir,
      // The folder of an engine in a virtual machine is not on this one.
      isOfThisMachine: process.platform === 'linux' && existsSync(info.DockerRootDir),
      cgroupVersion: info.CgroupVersion ?? '1',
      canLimit: {
        memory: info.MemoryLimit,
        swap: info.SwapLimit,
        processors: info.CpuCfsQuota,
        processes: info.PidsLimit,
      },
      securityOptions: info.SecurityOptions ?? [],
      memoryBytes: info.MemTotal,
      skewMs: Math.abs(Date.parse(info.SystemTime) - (askedAtMs + Date.now()) / 2),
    }
  } catch (error) {
    throw engineError(error, 'asking what it can do')
  }
}
