#!/usr/bin/env bash
# Success where Redis answers the cache's user over TLS. The password goes by the environment of redis-cli alone.
set -Eeuo pipefail

REDISCLI_AUTH="$(</run/secrets/redis_password)"
export REDISCLI_AUTH
answer="$(redis-cli --no-auth-warning --tls --cacert /run/secrets/ca.crt -h localhost --user cache ping)"
[[ "$answer" == PONG ]]
