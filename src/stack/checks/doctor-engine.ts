import type { EngineFacts } from '../../engine/engine-facts.js'
import { critical, type Finding, ok, warning } from './finding.js'

const oldestApi = 1.41
const clockSkewMs = 2000
const gib = 1024 ** 3

export function checkEngine(facts: EngineFacts): Finding[] {
  return [checkVersion(facts), checkLimits(facts), checkSeccomp(facts), checkMemory(facts), checkClock(facts)]
}

function checkVersion({ version, apiVersion }: EngineFacts): Finding {
  const message = `${version}, API ${apiVersion}`
  if (Number(apiVersion) >= oldestApi) return ok('engine', message)
  return critical('engine', message, 'Update Docker to 20.10 or newer.')
}

function checkLimits({ cgroupVersion, canLimit }: EngineFacts): Finding {
  const missing = Object.keys(canLimit).filter((name) => !canLimit[name])
  const check = 'control groups'
  if (missing.length === 0) return ok(check, `version ${cgroupVersion}, all limits work`)
  const hint = 'Boot with cgroup_enable=memory swapaccount=1, or use control groups of version 2.'
  return warning(check, `version ${cgroupVersion}, no limits for ${missing.join(', ')}`, hint)
}

function checkSeccomp({ securityOptions }: EngineFacts): Finding {
  const names = securityOptions.map((option) => option.split(',')[0]!.replace('name=', ''))
  if (names.includes('seccomp')) return ok('system call filter', names.join(', '))
  return warning('system call filter', 'seccomp is off', 'Use a kernel with CONFIG_SECCOMP.')
}

function checkMemory({ memoryBytes }: EngineFacts): Finding {
  const message = `${(memoryBytes / gib).toFixed(1)} GB`
  if (memoryBytes >= gib) return ok('memory', message)
  return warning('memory', message, 'The stack wants 1 GB or more; indexes of vectors want to fit.')
}

function checkClock({ skewMs }: EngineFacts): Finding {
  const message = `${Math.round(skewMs)} ms apart from the engine's`
  if (skewMs < clockSkewMs) return ok('clock', message)
  return warning(
    'clock',
    message,
    'Synchronise it (chrony, systemd-timesyncd): point-in-time recovery goes by it.',
  )
}
