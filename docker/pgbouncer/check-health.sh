#!/usr/bin/env bash
# Health of PgBouncer: its own console answers. A database that is away does not make it unhealthy, because it has to hold
# its clients until the database is back.
#
# It also ends a PgBouncer that would not find the database again. Its resolver (c-ares from 1.31 on) keeps an answer for
# as long as the engine's name server allows, which is 600 s, and the lack of one for up to an hour, whatever
# dns_max_ttl says, and neither RELOAD nor RECONNECT makes it ask again. A database that comes back with another address
# would be away for that long. The C library keeps nothing, so the two are compared; the restart policy starts a new
# process, and nobody loses a connection that could still reach the database.
set -Eeuo pipefail

readonly pool=/etc/pgbouncer/pool/databases.ini
readonly misses=/var/run/pgbouncer/misses
readonly limit=2

# Runs commands in the console, one after the other.
console() {
  local command
  local -a commands=()
  for command in "$@"; do commands+=(--command="$command"); done
  psql --no-psqlrc --quiet --no-align --tuples-only --field-separator=' ' --host=/var/run/pgbouncer --port=6432 \
    --username=pgbouncer --dbname=pgbouncer "${commands[@]}"
}

# True if PgBouncer's address of the host is not the present one, or if it has none although clients wait.
# The second argument is what the console says.
is_lost() {
  local host="$1" report="$2" now known
  # A move holds the clients back, and looks after the address itself.
  if grep -qx 'paused yes' <<<"$report"; then return 1; fi
  # Nothing to compare with: the database is away.
  now="$(timeout 2 getent ahostsv4 "$host" | head -n 1 | cut -d' ' -f1)" || return 1
  if [[ -z "$now" ]]; then return 1; fi
  known="$(awk -v host="$host" 'NF == 3 && $1 == host { print $3 }' <<<"$report")"
  if [[ -n "$known" ]]; then
    # A list of address:port.
    [[ ",$known" != *",$now:"* ]]
    return
  fi
  # The fourth column of a pool is the number of clients that wait.
  awk 'NF > 10 && $4 > 0 { waiting = 1 } END { exit !waiting }' <<<"$report" || return 1
  timeout 2 bash -c "exec 3<>/dev/tcp/$host/5432" 2>/dev/null
}

main() {
  local report host count=0
  report="$(console 'SHOW STATE' 'SHOW DNS_HOSTS' 'SHOW POOLS')"
  host="$(sed -nE 's/^\* = host=([A-Za-z0-9._-]+) .*$/\1/p' "$pool")"
  if ! is_lost "$host" "$report"; then
    rm -f "$misses"
    return
  fi
  if [[ -r "$misses" ]]; then count="$(<"$misses")"; fi
  count=$((count + 1))
  echo "$count" >"$misses"
  if ((count < limit)); then return; fi
  rm -f "$misses"
  # To the container's log, where people look; the health check's own output does not appear there.
  echo "pgbouncer: $host has another address than PgBouncer knows; ending, to be started again" >/proc/1/fd/2 || true
  console 'SHUTDOWN'
}

main
