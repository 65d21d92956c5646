interface Stage {
  /** Names of stages that it is made from, or takes files of. */
  readonly sources: string[]
  readonly arguments: Set<string>
}

/**
 * Names of the build arguments that make a difference to the stage `target` of a Dockerfile: its own, and those of all stages that
 * go into it.
 */
export function findUsedArguments(dockerfile: string, target: string): ReadonlySet<string> {
  const stages = readStages(dockerfile)
  const used = new Set<string>()
  const seen = new Set<string>()
  const visit = (name: string): void => {
    const stage = stages.get(name)
    if (!stage || seen.has(name)) return
    seen.add(name)
    for (const argument of stage.arguments) used.add(argument)
    for (const source of stage.sources) visit(source)
  }
  visit(target)
  return used
}

function readStages(dockerfile: string): ReadonlyMap<string, Stage> {
  const stages = new Map<string, Stage>()
  let current: Stage = { sources: [], arguments: new Set() }
  for (const line of dockerfile.split('\n')) {
    const from = /^FROM\s+(\S+)\s+AS\s+(\S+)/i.exec(line)
    if (from) {
      const [, source, name] = from
      // An argument from above all stages counts where a FROM names it.
      const named = [...source!.matchAll(/\$\{?(\w+)/g)].map(([, argument]) => argument!)
      current = { sources: [source!], arguments: new Set(named) }
      stages.set(name!, current)
    }
    const argument = /^ARG\s+(\w+)/i.exec(line)?.[1]
    if (argument !== undefined) current.arguments.add(argument)
    const copied = /^(?:COPY|ADD)\s+--from=(\S+)/i.exec(line)?.[1]
    if (copied !== undefined) current.sources.push(copied)
  }
  return stages
}
