# The schedule's settings, and how old the newest backups are. Sourced after storage.sh.

# Written by schedule.sh, in memory: a new container starts from nothing.
readonly schedule_started=/tmp/schedule-started schedule_failed=/tmp/schedule-failed

# Sets interval, full_every_days, keep, keep_seconds, keep_full and physical from the environment.
read_schedule() {
  interval="${BACKUP_INTERVAL_SECONDS:-86400}"
  full_every_days="${BACKUP_FULL_EVERY_DAYS:-7}"
  keep="${BACKUP_KEEP:-30}"
  keep_full="${BACKUP_KEEP_FULL:-2}"
  physical="${BACKUP_PHYSICAL:-on}"
  local name
  for name in interval full_every_days keep keep_full; do
    [[ "${!name}" =~ ^[1-9][0-9]{0,8}$ ]] || fail $exit_invalid "$name=${!name} is not a whole number above 0."
  done
  local days="${BACKUP_KEEP_DAYS:-}"
  [[ "$days" =~ ^[0-9]{0,5}$ ]] || fail $exit_invalid "BACKUP_KEEP_DAYS=$days is not a whole number."
  # As far back as the schedule alone would reach with so many sets.
  keep_seconds=$((${#days} > 0 ? 10#${days:-0} * 86400 : (keep - 1) * interval))
  [[ "$physical" =~ ^(on|off)$ ]] || fail $exit_invalid "BACKUP_PHYSICAL=$physical is neither on nor off."
}

# Seconds since 1970 of a name that begins with a date and a time in UTC; 0 for no name.
time_of_name() {
  local digits="${1//[!0-9]/}"
  if [[ -z "$1" ]]; then
    echo 0
  else
    date --utc --date="${digits:0:8} ${digits:8:2}:${digits:10:2}:${digits:12:2}" +%s
  fi
}

newest_set_time() {
  local name=''
  if [[ -d "$sets" ]]; then name="$(list_sets | past_only | sed --quiet 1p)"; fi
  time_of_name "$name"
}

# Argument: pattern of names; *F is a full backup. A folder without a manifest was not completed. An
# incremental is named <full>_<own time>I. After an upgrade, those of the cluster before it do not count.
newest_physical_time() {
  local folder="$backups/pgbackrest/backup/simdgres" name='' id='' others=''
  if [[ -e "$folder/backup.info" ]]; then
    id="$(sed --quiet 's/^db-id=//p' "$folder/backup.info" | head --lines=1)"
    others="$(sed --quiet --regexp-extended 's/^([0-9]{8}-[0-9]{6}F[^=]*)=.*"db-id":([0-9]+).*/\2 \1/p' "$folder/backup.info" |
      sed --quiet --regexp-extended "/^${id:-0} /!s/^[0-9]+ //p")"
  fi
  if [[ -d "$folder" ]]; then
    name="$(find "$folder" -mindepth 2 -maxdepth 2 -path "$folder/$1/backup.manifest" -printf '%h\n' |
      sed -E 's|.*/||' | { grep --line-regexp --fixed-strings --invert-match "$others" || true; } |
      sed -E 's/.*_//' | past_only | sort | tail --lines=1)"
  fi
  time_of_name "$name"
}

seconds_since() {
  echo $(($(date +%s) - $1))
}
