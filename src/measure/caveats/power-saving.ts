import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A limit below this share of what the processor can do is set on purpose. */
const fullSpeed = 0.9
/** Governors that keep the clock low, whatever the load. With these drivers the processor itself decides instead. */
const slowGovernors = new Set(['powersave', 'conservative'])
const autonomousDrivers = /^(intel_pstate|amd-pstate-epp|amd_pstate_epp)$/

/**
 * What keeps the processor from its full speed, by Linux's own account: the governor, a limit of the clock, a preference
 * for saving energy, a battery. Empty where the system does not say, as in most virtual machines.
 * @param root where sysfs is
 */
export async function readPowerSaving(root = '/sys'): Promise<string[]> {
  const reasons = new Set<string>()
  const cpus = join(root, 'devices/system/cpu')
  for (const name of await list(cpus)) {
    if (!/^cpu\d+$/.test(name)) continue
    const folder = join(cpus, name, 'cpufreq')
    const read = (file: string) => readLine(join(folder, file))
    const [governor = '', driver = ''] = [await read('scaling_governor'), await read('scaling_driver')]
    if (slowGovernors.has(governor) && !autonomousDrivers.test(driver)) {
      reasons.add(`the governor is ${governor}`)
    }
    const preference = (await read('energy_performance_preference')) ?? ''
    if (/power$/.test(preference)) reasons.add(`its preference is ${preference}`)
    const [limit, most] = [Number(await read('scaling_max_freq')), Number(await read('cpuinfo_max_freq'))]
    if (limit < fullSpeed * most) {
      reasons.add(`its clock is limited to ${Math.round(limit / 1000)} of ${Math.round(most / 1000)} MHz`)
    }
  }
  const supplies = join(root, 'class/power_supply')
  for (const name of await list(supplies)) {
    const status = await readLine(join(supplies, name, 'status'))
    if (status === 'Discharging') reasons.add(`the machine runs on its battery ${name}`)
  }
  return [...reasons]
}

async function list(folder: string): Promise<string[]> {
  // Other systems have no sysfs, and most virtual machines not these parts of it.
  return readdir(folder).catch(() => [])
}

async function readLine(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').then(
    (text) => text.trim(),
    () => undefined,
  )
}
