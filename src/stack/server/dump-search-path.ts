/**
 * A dump begins by emptying search_path, and what it restores is then looked for in no schema: `a IS DISTINCT FROM b` in a
 * trigger has no form that names a schema, and the body of a function is text. Tables with such triggers or generated
 * columns cannot be restored. So the statement is replaced, by one of the same length, since an archive holds it too.
 */
const emptying = "SELECT pg_catalog.set_config('search_path', '', false);"
const replacement = 'RESET search_path;'.padEnd(emptying.length)

/**
 * The environment of psql or pg_restore in which the replaced statement sets `searchPath`.
 * @param searchPath as SET takes it: `app, public`.
 */
export function searchPathEnvironment(searchPath: string): Readonly<Record<string, string>> {
  return { PGOPTIONS: `-c search_path=${searchPath.replace(/[\\\s]/g, '\\$&')}` }
}

const line = `/^${emptying.replaceAll('.', '\\.')}$/`
/** A dump empties it first of all and whenever it connects anew. A line like it anywhere else is somebody's data. */
const filter = [`1,${line}`, `/^\\\\connect /,${line}`]
  .map((range) => `${range}s${line}${replacement}/`)
  .join('; ')

/** `command`, which writes a dump as text, with the statement replaced. */
export function withSearchPath(command: readonly string[]): string[] {
  return ['bash', '-o', 'pipefail', '-c', '"$@" | LC_ALL=C sed "$0"', filter, ...command]
}

/** Where `withPatchedArchive` puts the archive for its command. */
export const patchedArchive = '/dev/fd/3'

const patchScript = `
  copy=$(mktemp "\${PGDATA%/*}/restore.XXXXXX")
  exec 3<>"$copy"
  # Without a name: nothing is left of it, whatever happens.
  rm "$copy"
  cat "$0" >${patchedArchive}
  found=$(LC_ALL=C grep --text --byte-offset --only-matching --fixed-strings --max-count=1 "$1" ${patchedArchive} | head -n 1)
  if [ -n "$found" ]; then
    printf %s "$2" | dd of=${patchedArchive} bs=1 seek="\${found%%:*}" conv=notrunc status=none
  fi
  shift 2
  exec "$@"`

/** `command`, which reads `patchedArchive`, with a copy there of the archive at `path` in which the statement is replaced. */
export function withPatchedArchive(path: string, command: readonly string[]): string[] {
  return ['bash', '-eu', '-c', patchScript, path, emptying, replacement, ...command]
}
