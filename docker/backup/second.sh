# The second repository, on another disk or machine (BACKUP_REPOSITORY2_PATH). Sourced after storage.sh.
#
# pgBackRest knows it only where this file of settings is given, so that what concerns the first repository goes on while the
# second is away.

readonly second_config="${SIMDGRES_SECOND_CONFIG:-/run/secrets/repository2.conf}"
readonly second_options=(--config-include-path="${second_config%/*}")
# The settings with which it was made: from then on the server hands its log over there too (pgbackrest-push.sh).
readonly second_known="$backups/repository2"
# As old as the newest backup and the newest full backup there.
readonly second_made="$backups/repository2-made" second_full="$backups/repository2-full"

has_second() {
  [[ -e "$second_config" ]]
}

# The same as pgbackrest-push.sh computes.
describe_second() {
  sha256sum <"$second_config"
}

# Whether it was made with the present settings.
is_second_known() {
  [[ "$(describe_second)" == "$(cat "$second_known" 2>/dev/null)" ]]
}

# pgBackRest with both repositories.
with_second() {
  run pgbackrest --stanza=simdgres "${second_options[@]}" "$@"
}

# Whether no backup was made there for so many seconds; at once where the settings are new. Argument: seconds.
is_second_due() {
  is_second_known || return 0
  local age
  age="$(seconds_since "$(time_of_file "$second_made")")"
  # Below 0: made while the clock was wrong.
  ((age < 0 || age >= $1))
}

# Seconds since 1970; 0 for no file.
time_of_file() {
  stat --format=%Y "$1" 2>/dev/null || echo 0
}

# The server has handed over the history of its timeline long ago, and no recovery along it begins without that.
push_histories() {
  local file
  for file in "$PGDATA"/pg_wal/*.history; do
    if [[ -e "$file" ]]; then with_second archive-push "$file"; fi
  done
}

# back_up_second TYPE KEEP
back_up_second() {
  if is_second_known; then
    # Does nothing unless a move made this another cluster while the second repository was away. Where it is missing, this
    # fails, as it has to: it was there, so its disk is not mounted, and what is in its place must not become the repository.
    with_second stanza-upgrade
  else
    with_second stanza-create
    rm -f "$second_made" "$second_full"
    push_histories
    describe_second >"$second_known.part"
    mv "$second_known.part" "$second_known"
  fi
  with_second check
  with_second --repo=2 backup --type="$1" --no-expire-auto
  if [[ "$1" == full || ! -e "$second_full" ]]; then touch "$second_full"; fi
  touch "$second_made"
  with_second --repo=2 expire --repo2-retention-full="$2"
}
