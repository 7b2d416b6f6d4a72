#!/usr/bin/env bash
# ./dev where another package manager is at work, where there is no right to install, and where there is no apt: with
# stand-ins for apt-get and its like, in a copy of ./dev alone.
set -euo pipefail
unset "${!DESCRAMBLER_@}"
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp "$source/dev" "$scratch/dev"
mkdir "$scratch/bin" "$scratch/few"

stand_in() { printf '#!/bin/bash\n%s\n' "$2" >"$scratch/bin/$1" && chmod +x "$scratch/bin/$1"; }
stand_in dpkg-query 'exit 1'  # nothing is installed
# shellcheck disable=SC2016  # what stand-ins expand when they run
stand_in id 'echo "${TEST_USER:-0}"'
stand_in sudo 'exit 1'
stand_in sleep 'true'
# shellcheck disable=SC2016  # what stand-ins expand when they run
stand_in apt-get 'echo "$*" >>"$TEST_LOG"
count=$(wc -l <"$TEST_LOG")
case $TEST_APT in
busy) [ "$count" -gt 3 ] || { echo "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)"; exit 100; } ;;
broken) echo "E: Unable to locate package"; exit 100 ;;
esac'

fail() { echo "test_dev: $*" >&2; cat "$scratch/out" >&2; exit 1; }
dev() {  # dev EXIT-CODE PATH: runs `./dev deps`
    local code=0
    : >"$TEST_LOG"
    PATH=$2 bash "$scratch/dev" deps >"$scratch/out" 2>&1 || code=$?
    [ "$code" -eq "$1" ] || fail "exit code $code instead of $1"
}
says() { grep -q -- "$1" "$scratch/out" || fail "does not say: $1"; }
export TEST_LOG=$scratch/calls TEST_APT=busy TEST_USER=0

dev 0 "$scratch/bin:$PATH"  # refused three times, then served
says 'another package manager is at work'
says '^dev: deps [0-9]* s$'
[ "$(grep -c update "$TEST_LOG")" -eq 4 ] || fail 'did not ask again for the lists'
[ "$(grep -c 'DPkg::Lock::Timeout=[0-9]* install .*libhdf5-dev' "$TEST_LOG")" -eq 1 ] || fail 'did not install'

TEST_APT=broken
dev 2 "$scratch/bin:$PATH"  # what is no lock is not waited for
says 'apt-get failed; missing: .*libhdf5-dev'
[ "$(wc -l <"$TEST_LOG")" -eq 1 ] || fail 'asked again'

TEST_USER=1000
dev 2 "$scratch/bin:$PATH"
says 'no right to install them; run as root: apt-get install .*libhdf5-dev'
DESCRAMBLER_DEPS=no dev 0 "$scratch/bin:$PATH"

for program in bash dirname nproc id mktemp; do
    ln -s "$(command -v $program)" "$scratch/few/$program"
done
dev 2 "$scratch/few"  # no apt, no dpkg
says 'no apt here, and missing: .*cmake'
says 'nothing can be built without cmake'
for program in cmake c++; do
    ln -s "$(type -P true)" "$scratch/few/$program"
done
dev 0 "$scratch/few"  # what is missing is not needed to build
says 'no apt here, and missing: .*gnuplot.*; going on without'
echo "dev: waits for locks, says what is missing"
