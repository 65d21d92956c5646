#!/usr/bin/env bash
# Entry point of the Prometheus image: tells it where Alertmanager is, if there is one (ALERTMANAGER=host:port). Looking for one
# that is not there would fill the log.
set -Eeuo pipefail

readonly targets=/tmp/alertmanagers.json
rm -f "$targets"
if [[ -n "${ALERTMANAGER:-}" ]]; then printf '[{"targets": ["%s"]}]\n' "$ALERTMANAGER" >"$targets"; fi
exec prometheus --config.file=/etc/prometheus/prometheus.yml --storage.tsdb.path=/prometheus "$@"
