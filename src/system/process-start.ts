import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

/**
 * When a process was started, in whatever unit the system uses; undefined if there is no such process. Together with the
 * pid it identifies a process: pids alone are reused.
 */
export function findStartTime(pid: number): string | undefined {
  if (existsSync('/proc/self/stat')) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      // Fields after the command's name, which is in parentheses and may hold anything: the 20th is starttime.
      return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    } catch (error) {
      if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
      throw error
    }
  }
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim()
  } catch (error) {
    // ps ends with 1 for a process that does not exist.
    if ((error as { status?: number }).status === 1) return undefined
    throw error
  }
}
