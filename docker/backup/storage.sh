# Where backup sets live, and the lock over them. Sourced.
#
# A set is a folder of $sets, named so that names sort by time. It is called <name>.part while it is being made and
# <name>.deleted while it is being removed, so a plain name means that it is complete.

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
# Locks the folder itself, which works even on a disk that has no room for another file.
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

# Names of complete sets, newest first.
list_sets() {
  find "$sets" -mindepth 1 -maxdepth 1 -type d -name '????????T??????.???Z-????' -printf '%f\n' | sort --reverse
}

# Names from stdin whose time has come: what was made while the clock was wrong, in a year to come, would otherwise be the
# newest for years. Five minutes are no wrong clock.
past_only() {
  local limit name digits
  limit="$(date --utc --date="@$(($(date +%s) + 300))" +%Y%m%d%H%M%S)"
  while IFS= read -r name; do
    digits="${name//[!0-9]/}"
    if [[ "${digits:0:14}" < "$limit" ]]; then printf '%s\n' "$name"; fi
  done
}

# Milliseconds and a random part: two runs never get the same name, even after a clock was set back.
new_set_name() {
  printf '%s-%04x' "$(date --utc +%Y%m%dT%H%M%S.%3NZ)" "$RANDOM"
}

# True if every file of a set is there with the recorded content; names on stderr the ones that are not.
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
