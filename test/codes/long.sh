#!/bin/sh
# The long version of the exactness test: large sets, answers compared with loops in double, on every kernel of the
# machine. Usage: test/codes/long.sh [program] [first seed] [sets]; a day's worth is seeds 0 to 2000.
set -eu
program=${1:-build/tests-plain/test/codes/codes_tests}
first=${2:-0}
sets=${3:-300}
# All bounds of many small sets, then the answers of sets that prune: 20,000 rows each.
"$program" seed="$first" sets=$((sets * 10))
"$program" seed="$first" sets="$sets" rows=20000 queries=1000 bounds=0
