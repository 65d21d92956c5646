import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** Children run the built library (`npm run build`), as users do. */
export const childPath = (name: string): string =>
  fileURLToPath(new URL(`./children/${name}.mjs`, import.meta.url))

/** What `children/<name>.mjs` prints as JSON. Rejects if it ends with another exit code than 0. */
export async function runChild(
  name: string,
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Promise<unknown> {
  const { stdout } = await promisify(execFile)(process.execPath, [childPath(name), ...args], {
    env: { ...process.env, ...env },
  })
  return JSON.parse(stdout)
}
