#!/usr/bin/env bash
# Succeeds if Redis answers the cache's user over TLS. Only the environment of redis-cli holds the password.
set -Eeuo pipefail

REDISCLI_AUTH="$(</run/secrets/redis_password)"
export REDISCLI_AUTH
answer="$(redis-cli --no-auth-warning --tls --cacert /run/secrets/ca.crt -h localhost --user cache ping)"
[[ "$answer" == PONG ]]
