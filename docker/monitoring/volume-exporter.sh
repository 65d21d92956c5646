#!/usr/bin/env bash
# Exports what no other exporter sees: free space of the stack's volumes, the age of the newest backups, the end of the
# certificates. The last two are files that the exporter reads; they are written anew in each interval.
set -Eeuo pipefail
shopt -s inherit_errexit

readonly library=/usr/local/lib/simdgres/backup
readonly metrics=/run/metrics
readonly interval_seconds="${VOLUME_EXPORTER_INTERVAL_SECONDS:-60}"
readonly mount_points='^/(var/lib/postgresql/data|backups)$'

source "$library/storage.sh"
source "$library/ages.sh"

# print_metric NAME HELP, then one line "LABELS VALUE" for each sample on stdin
print_metric() {
  printf '# HELP %s %s\n# TYPE %s gauge\n' "$1" "$2" "$1"
  sed "s/^/$1/"
}

print_backups() {
  local kind time
  for kind in logical physical; do
    if [[ "$kind" == logical ]]; then time="$(newest_set_time)"; else time="$(newest_physical_time '*')"; fi
    # No sample while there is no backup: that has an alert of its own.
    if ((time > 0)); then printf '{kind="%s"} %s\n' "$kind" "$time"; fi
  done
  if has_second && [[ -e "$backups/repository2-made" ]]; then
    printf '{kind="second-repository"} %s\n' "$(stat --format=%Y "$backups/repository2-made")"
  fi
}

has_second() {
  [[ -n "${BACKUP_REPOSITORY2:-}" ]]
}

# A logical set is expected of every stack, a physical backup where the schedule makes one.
print_expected() {
  local physical=0
  if [[ ",${COMPOSE_PROFILES:-}," == *,backup,* && "${BACKUP_PHYSICAL:-on}" == on ]]; then physical=1; fi
  printf '{kind="logical"} 1\n{kind="physical"} %s\n' "$physical"
  if has_second; then printf '{kind="second-repository"} 1\n'; fi
}

print_certificates() {
  local file end
  for file in /run/secrets/*.crt; do
    end="$(openssl x509 -in "$file" -noout -enddate)"
    printf '{name="%s"} %s\n' "$(basename "$file")" "$(date --date="${end#notAfter=}" +%s)"
  done
}

# Renamed when complete, so that the exporter never reads half a file. After a failure the old one stays, and its age
# raises an alert.
write_metrics() {
  {
    print_backups | print_metric simdgres_backup_last_success_timestamp_seconds 'Time of the newest complete backup'
    print_expected | print_metric simdgres_backup_expected '1 where the stack has to have a backup of the kind'
    print_certificates | print_metric simdgres_certificate_expiry_timestamp_seconds 'End of the certificate'
  } >"$metrics/stack.part"
  mv "$metrics/stack.part" "$metrics/stack.prom"
}

keep_writing() {
  while true; do
    # Not as a condition: inside one, bash ignores failures of single commands.
    (write_metrics) &
    wait $! || note "cannot write metrics; trying again in $interval_seconds s"
    sleep "$interval_seconds"
  done
}

keep_writing &
exec prometheus-node-exporter --collector.disable-defaults --web.disable-exporter-metrics \
  --collector.filesystem --collector.filesystem.mount-points-include="$mount_points" \
  --collector.textfile --collector.textfile.directory="$metrics"
