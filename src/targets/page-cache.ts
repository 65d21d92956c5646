import type { DroppedPages } from './target.js'

/**
 * For `sh -c`, in the folder of a server's data: makes the kernel forget its files, and prints how many bytes of them it still
 * holds, or `unknown` without a tool that tells. dd of no blocks advises the kernel about the whole file (POSIX_FADV_DONTNEED); pages that are
 * dirty, or in use, stay.
 */
export const dropScript = `set -e
find base global -type f -exec sh -c 'for file; do dd if="$file" iflag=nocache count=0 status=none; done' sh {} +
if command -v fincore >/dev/null; then
  find base global -type f -exec fincore --bytes --noheadings --output RES {} + | awk '{ sum += $1 } END { printf "%d\\n", sum }'
else
  echo unknown
fi`

export function readDropped(output: string): DroppedPages {
  const text = output.trim()
  return /^\d+$/.test(text) ? { leftBytes: Number(text) } : {}
}
