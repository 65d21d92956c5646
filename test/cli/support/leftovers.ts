import { connectEngine } from '#src/engine/engine.js'
import { ownerLabels } from '#src/engine/owner.js'

/** What of the engine belongs to the process: its labels say so. */
const filtersOf = (pid: number) => ({
  label: Object.entries(ownerLabels(pid))
    .filter(([name]) => name.endsWith('.host') || name.endsWith('.pid'))
    .map(([name, value]) => `${name}=${value}`),
})

/** Names of its containers, running or not. */
export async function listContainers(pid: number): Promise<string[]> {
  const found = await connectEngine().listContainers({ all: true, filters: filtersOf(pid) })
  return found.map(({ Names, Id }) => Names[0] ?? Id)
}

export async function listVolumes(pid: number): Promise<string[]> {
  const { Volumes } = await connectEngine().listVolumes({ filters: filtersOf(pid) })
  return (Volumes ?? []).map(({ Name }) => Name)
}
