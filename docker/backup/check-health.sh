#!/usr/bin/env bash
# Healthy if the last attempt succeeded and the newest backup of each kind is at most two intervals old. A schedule
# that has just started gets two intervals as well: the first backup of a large database takes long.
set -Eeuo pipefail
shopt -s inherit_errexit

readonly library="${SIMDGRES_BACKUP_LIBRARY:-/usr/local/lib/simdgres/backup}"
source "$library/storage.sh"
source "$library/ages.sh"

# require_recent KIND TIME
require_recent() {
  local started since
  started="$(stat --format=%Y "$schedule_started")"
  since=$(($2 > started ? $2 : started))
  if (($(seconds_since "$since") > 2 * interval)); then
    fail $exit_check_failed "no $1 backup for $(seconds_since "$since") s"
  fi
}

main() {
  read_schedule
  if [[ -e "$schedule_failed" ]]; then fail $exit_check_failed "the last try failed: $(<"$schedule_failed")"; fi
  require_recent logical "$(newest_set_time)"
  if [[ "$physical" == on ]]; then require_recent physical "$(newest_physical_time '*')"; fi
}

main "$@"
