# Where backup sets live, and the lock over them. Sourced.
#
# A set is a folder of $sets, named so that names sort by time. While it is made it is called <name>.part, while it is
# removed <name>.deleted: what has a plain name is whole.

readonly backups="${SIMDGRES_BACKUPS:-/backups}"
readonly sets="$backups/logical"

# The command line's own exit codes (src/errors.ts).
readonly exit_check_failed=1 exit_invalid=2 exit_unavailable=3 exit_corrupt=4 exit_resource=5

# fail CODE MESSAGE
fail() {
  printf 'backup: %s\n' "$2" >&2
  exit "$1"
}

note() {
  printf 'backup: %s\n' "$1" >&2
}

# Held by the process and its children until the last of them ends, so a run that was killed never blocks the next.
# The folder itself is locked: also where not one more file fits.
lock_storage() {
  mkdir -p "$sets" || fail $exit_resource "cannot make $sets. Mount a volume at $backups that user $(id -u) may write to."
  exec {storage_lock}<"$sets"
  flock --exclusive --nonblock "$storage_lock" ||
    fail $exit_resource 'another backup, verification or removal is running. Wait for its end and try again.'
  discard_unfinished
}

# Only with the lock held: whoever made these is gone.
discard_unfinished() {
  find "$sets" -mindepth 1 -maxdepth 1 -type d \( -name '*.part' -o -name '*.deleted' \) -exec rm -rf -- {} +
}

# Names of whole sets, the newest first.
list_sets() {
  find "$sets" -mindepth 1 -maxdepth 1 -type d -name '????????T??????.???Z-????' -printf '%f\n' | sort --reverse
}

# Milliseconds and a random part: two runs never meet, also where a clock was set back.
new_set_name() {
  printf '%s-%04x' "$(date --utc +%Y%m%dT%H%M%S.%3NZ)" "$RANDOM"
}

# True where every file of a set is there and has the recorded content; says on stderr which is not.
is_set_good() {
  local folder="$sets/$1" name
  # A list that lost a line would still agree with itself.
  for name in contents.json database.dump globals.sql; do
    grep --quiet --extended-regexp "^[0-9a-f]{64}  $name\$" "$folder/SHA256SUMS" || {
      note "$1/SHA256SUMS does not name $name"
      return 1
    }
  done
  (cd "$folder" && sha256sum --check --strict --quiet SHA256SUMS) 2>&1 | sed "s|^|backup: $1/|" >&2
}
