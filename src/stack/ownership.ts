import { randomBytes } from 'node:crypto'
import type Docker from 'dockerode'
import { SimdgresError } from '../errors.js'
import { runToEnd } from './one-shot.js'

/** What one file or folder has to belong to; its group has the same number. */
export interface Ownership {
  /** Below the folder that is mounted. */
  readonly path: string
  readonly owner: number
}

/**
 * Changes owners in a folder of the host, through a container: the number means there what it means for the services,
 * also where the engine maps users, and the one who runs the command line need not be root.
 * @param imageId any image of the stack.
 */
export async function changeOwners(
  engine: Docker,
  imageId: string,
  folder: string,
  files: readonly Ownership[],
  signal: AbortSignal,
): Promise<void> {
  const mount = '/mnt'
  const options = {
    name: `simdgres-owners-${randomBytes(4).toString('hex')}`,
    Image: imageId,
    User: '0:0',
    Entrypoint: ['/bin/sh', '-euc', 'while read -r owner path; do chown "$owner:$owner" "$path"; done'],
    WorkingDir: mount,
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    HostConfig: {
      NetworkMode: 'none',
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      // The second to reach files in folders that only their owner may enter.
      CapAdd: ['CHOWN', 'DAC_READ_SEARCH'],
      SecurityOpt: ['no-new-privileges:true'],
      Mounts: [{ Type: 'bind' as const, Source: folder, Target: mount }],
    },
  }
  const stdin = files.map(({ path, owner }) => `${owner} ${path}\n`).join('')
  const { exitCode, stderr } = await runToEnd(engine, { options, laterNetworks: {} }, { stdin, signal })
  if (exitCode === 0) return
  throw new SimdgresError(
    'ERR_RESOURCE',
    `Cannot give the files in ${folder} to the services: ${stderr.trim()}`,
    'The file system has to know owners; choose another folder with --dir.',
  )
}
