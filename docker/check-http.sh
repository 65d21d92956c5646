#!/usr/bin/env bash
# Health check of a service that answers over HTTP: succeeds if GET answers 200. Arguments: port, path. Bash alone,
# so that no image needs a client.
set -Eeuo pipefail

exec 3<>"/dev/tcp/127.0.0.1/$1"
printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$2" >&3
read -r -t 4 _ status _ <&3
[[ "$status" == 200 ]]
