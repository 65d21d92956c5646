#!/bin/sh
# Gives the server's user the number that the operator CloudNativePG starts it as: initdb looks the user up by its number.
# Its group stays: 26 is Debian's tape, and the operator says which group a process has.
set -eu

usermod --uid 26 postgres
chown -R postgres:postgres /var/lib/postgresql /var/run/postgresql /backups
