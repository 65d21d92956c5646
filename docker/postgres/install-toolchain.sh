#!/bin/sh
# Installs what compiles the extension. Argument: the major version of PostgreSQL.
set -eu

major="$1"
export DEBIAN_FRONTEND=noninteractive

apt-get update
apt-get install -y --no-install-recommends cmake gcc libc6-dev make

# Headers only: installed as a package, they would bring Clang and LLVM (700 MB) for bitcode we do not make.
cd /tmp
apt-get download "postgresql-server-dev-$major"
dpkg-deb --extract "postgresql-server-dev-$major"_*.deb /
rm -rf "postgresql-server-dev-$major"_*.deb /var/lib/apt/lists/*
