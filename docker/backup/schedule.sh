#!/usr/bin/env bash
# Makes a logical set and a physical backup once per interval, then removes old ones. Counts from the newest of each
# kind, so that a restart neither skips a backup nor makes one too many. A failed backup is tried again soon, and
# removes nothing.
set -Eeuo pipefail
shopt -s inherit_errexit

readonly library="${SIMDGRES_BACKUP_LIBRARY:-/usr/local/lib/simdgres/backup}"
source "$library/storage.sh"
source "$library/ages.sh"
source "$library/running.sh"
source "$library/second.sh"

# A server that restarts is back by then; the health check and the monitoring see what lasts longer.
readonly retry_seconds=60

stop() {
  trap '' INT TERM
  stop_running
  exit 0
}

# After a reboot all containers start at once, and the server takes longest: that is no failed backup.
await_server() {
  local end=$((SECONDS + retry_seconds))
  until pg_isready --quiet || ((SECONDS >= end)); do run sleep 1; done
}

make_logical() {
  if (($(seconds_since "$(newest_set_time)") < interval)); then return; fi
  note 'making a logical set'
  run bash "$library/make-set.sh" "$keep" "$keep_seconds"
}

make_physical() {
  if [[ "$physical" == off ]] || (($(seconds_since "$(newest_physical_time '*')") < interval)); then return; fi
  local type=incr
  if (($(seconds_since "$(newest_physical_time '*F')") >= full_every_days * 86400)); then type=full; fi
  note "making a physical backup ($type)"
  run bash "$library/backup-physical.sh" "$type" "$keep_full" $(((keep_full - 1) * full_every_days * 86400)) 1
}

# By its own age: a disk that was away is not waited for until the next backup of the first repository.
make_second() {
  # The server hands no log over to it meanwhile: it begins with a backup when the setting is there again.
  if ! has_second; then rm -f "$second_known"; fi
  if [[ "$physical" == off ]] || ! has_second || ! is_second_due "$interval"; then return; fi
  local type=incr
  if (($(seconds_since "$(time_of_file "$second_full")") >= full_every_days * 86400)); then type=full; fi
  note "making a physical backup in the second repository ($type)"
  run bash "$library/backup-physical.sh" "$type" "$keep_full" 0 2
}

main() {
  trap stop INT TERM
  read_schedule
  : >"$schedule_started"
  await_server
  local failed
  while true; do
    failed=''
    make_logical || failed=' logical'
    make_physical || failed+=' physical'
    make_second || failed+=' second-repository'
    if [[ -n "$failed" ]]; then
      note "failed:$failed; trying again in $retry_seconds s"
      printf '%s\n' "$failed" >"$schedule_failed"
      run sleep "$retry_seconds"
    else
      rm -f "$schedule_failed"
      # Looks every minute, because a backup made by hand counts too.
      run sleep 60
    fi
  done
}

main "$@"
