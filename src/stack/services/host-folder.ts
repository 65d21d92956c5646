import { randomBytes } from 'node:crypto'
import type { Engine } from '../../engine/engine.js'
import type { ExecResult } from '../../engine/exec.js'
import { runToEnd } from '../../engine/one-shot.js'

/** Where the folder is mounted. */
export const folderMount = '/mnt'

export interface FolderCommand {
  /** Any image of the stack. */
  readonly imageId: string
  /** Of the host, absolute. */
  readonly folder: string
  readonly argv: readonly string[]
  /** The only capabilities that root has in the container. */
  readonly capabilities: readonly string[]
  readonly stdin?: string
  readonly signal: AbortSignal
}

/**
 * Runs a command on a folder of the host, as root in a container. User ids there mean the same as in the services, even
 * where the engine maps them, and the user of the command line need not be root.
 */
export function runOnFolder(
  engine: Engine,
  { imageId, folder, argv, capabilities, stdin = '', signal }: FolderCommand,
): Promise<ExecResult> {
  const options = {
    name: `simdgres-folder-${randomBytes(4).toString('hex')}`,
    Image: imageId,
    User: '0:0',
    Entrypoint: [...argv],
    WorkingDir: folderMount,
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    HostConfig: {
      NetworkMode: 'none',
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      CapAdd: [...capabilities],
      SecurityOpt: ['no-new-privileges:true'],
      Mounts: [{ Type: 'bind' as const, Source: folder, Target: folderMount }],
    },
  }
  return runToEnd(engine, { options, laterNetworks: {} }, { stdin, signal })
}
