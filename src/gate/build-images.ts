import { connectEngine, describeEngineError, findEngineProblem, isStatus } from '../engine/engine.js'

/** The server's image of a commit that is built for a comparison. */
export function imageOf(commit: string): string {
  return `simdgres/postgres:gate-${commit.slice(0, 12)}`
}

/**
 * Removes the images of commits whose builds are gone. One that a container still uses stays, and one that never was is no
 * matter, as is an engine that does not answer.
 * @returns why images that are there could not be removed, a sentence each.
 */
export async function removeImagesOf(commits: readonly string[]): Promise<string[]> {
  if (commits.length === 0 || (await findEngineProblem()) !== undefined) return []
  const engine = connectEngine()
  const problems: string[] = []
  for (const name of commits.map(imageOf)) {
    try {
      // Without force it only goes where no container has it.
      await engine.getImage(name).remove()
    } catch (error) {
      if (!isStatus(error, 404)) problems.push(`The image ${name} stays: ${describeEngineError(error)}`)
    }
  }
  return problems
}
