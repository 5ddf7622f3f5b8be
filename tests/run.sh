#!/usr/bin/env bash
# Installs what is missing, builds with warnings as errors and runs every test; then the unit tests and the fuzz
# targets once more under AddressSanitizer and UndefinedBehaviorSanitizer. Root is needed: the end-to-end tests
# make network namespaces (and touch nothing outside them). --fast leaves the sanitizers out.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

sanitizers=1
case ${1:-} in
  '') ;;
  --fast) sanitizers= ;;
  *) echo "usage: sudo tests/run.sh [--fast]" >&2; exit 2 ;;
esac
[ "$(id -u)" = 0 ] || { echo "tests/run.sh: network namespaces need root: sudo tests/run.sh" >&2; exit 1; }

etc/packages.sh build run test

# What is built belongs to whoever the tree belongs to, not to root.
owner=$(stat -c %U .)
as_owner() { case $owner in root|UNKNOWN) "$@" ;; *) runuser -u "$owner" -- "$@" ;; esac; }

build() { # preset, targets
  as_owner cmake --preset "$1" >/dev/null
  as_owner cmake --build "build/$1" --target "${@:2}"
}

build release all
ctest --test-dir build/release --output-on-failure --no-tests=error -j "$(nproc)"
[ -n "$sanitizers" ] || exit 0
build asan unit_and_fuzz
ctest --test-dir build/asan --output-on-failure --no-tests=error -j "$(nproc)" -R '^(unit|fuzz)\.'
