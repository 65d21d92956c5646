/**
 * Labels of everything that belongs to a stack. With Compose's own labels, `docker compose ps`, `logs` and `down` see
 * what was made here.
 */
export const projectLabel = 'com.docker.compose.project'
export const serviceLabel = 'com.docker.compose.service'
export const oneOffLabel = 'com.docker.compose.oneoff'
/** sha-256 of everything that a container was made from. */
export const configLabel = 'com.docker.compose.config-hash'
/** Folder of the stack; two stacks in two folders must not share a name. */
export const folderLabel = 'io.simdgres.stack.folder'

export function containerLabels(project: string, name: string, folder: string): Record<string, string> {
  return {
    [projectLabel]: project,
    [serviceLabel]: name,
    'com.docker.compose.container-number': '1',
    [oneOffLabel]: 'False',
    [folderLabel]: folder,
  }
}

export function volumeLabels(project: string, name: string): Record<string, string> {
  return { [projectLabel]: project, 'com.docker.compose.volume': name }
}

export function networkLabels(project: string, name: string): Record<string, string> {
  return { [projectLabel]: project, 'com.docker.compose.network': name }
}
