import { connectEngine, describeEngineError, findEngineProblem, isStatus } from '../../engine/engine.js'

/** The server's image of a commit that is built for a comparison. */
export function imageOf(commit: string): string {
  return `simdgres/postgres:gate-${commit.slice(0, 12)}`
}

/**
 * Removes the image of a commit whose build is to go. One that never was is no matter, nor is an engine that does not answer.
 * @returns why it is there and cannot be removed, such as a container that uses it.
 */
export async function removeImageOf(commit: string): Promise<string | undefined> {
  if ((await findEngineProblem()) !== undefined) return undefined
  const name = imageOf(commit)
  try {
    // Without force it only goes where no container has it.
    await connectEngine().getImage(name).remove()
    return undefined
  } catch (error) {
    return isStatus(error, 404) ? undefined : `The image ${name} stays: ${describeEngineError(error)}`
  }
}
