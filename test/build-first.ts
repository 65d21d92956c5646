import { buildDist } from '../scripts/setup/build.mjs'

/** The command line and other processes that tests start run dist/: it is compiled from the present sources first. */
export async function setup(): Promise<void> {
  await buildDist()
}
