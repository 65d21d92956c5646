#!/usr/bin/env bash
# Writes the users of Redis from the mounted password, in memory and as a hash, and starts it.
set -Eeuo pipefail
shopt -s inherit_errexit
umask 077

readonly run=/run/redis
readonly secrets=/run/secrets

fail() {
  printf 'redis: %s\n' "$1" >&2
  exit 1
}

main() {
  local name hash
  for name in redis_password tls.crt tls.key ca.crt; do
    if [[ ! -r "$secrets/$name" ]]; then
      fail "user $(id -u) cannot read $secrets/$name. Run simdgres up, which makes it, or mount it readable by that user (chown $(id -u), chmod 0400)."
    fi
  done
  if ! [[ "${REDIS_MAXMEMORY:-}" =~ ^[1-9][0-9]*(kb|mb|gb)$ ]]; then
    fail "REDIS_MAXMEMORY=${REDIS_MAXMEMORY:-} is not a size. Write kb, mb or gb, for example 160mb."
  fi

  hash="$(printf '%s' "$(<"$secrets/redis_password")" | sha256sum | cut -d' ' -f1)"
  # A cache needs no administration: no CONFIG, no DEBUG, no KEYS that holds everybody up. INFO is for monitoring,
  # FLUSHDB empties the cache.
  {
    echo 'user default off'
    echo "user cache on #$hash ~* &* +@all -@admin -@dangerous +info +flushdb"
  } >"$run/users.acl"
  exec redis-server /usr/local/lib/simdgres/redis.conf --maxmemory "$REDIS_MAXMEMORY"
}

if [[ $# -gt 0 && "$1" != redis-server ]]; then exec "$@"; fi
main
