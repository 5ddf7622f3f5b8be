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
if [ -n "$sanitizers" ]; then
  # Beside the tests, which wait more than they compute; idle priority, so that they do not notice.
  set -m # a process group of its own
  (renice -n 19 $BASHPID >/dev/null && build asan unit_and_fuzz) >build/asan.log 2>&1 &
  set +m
  asan=$!
  trap 'kill -- -"$asan" 2>/dev/null || true' EXIT
fi
ctest --test-dir build/release --output-on-failure --no-tests=error -j "$(($(nproc) + 1))"
[ -n "$sanitizers" ] || exit 0
wait "$asan" || { cat build/asan.log; exit 1; }
ctest --test-dir build/asan --output-on-failure --no-tests=error -j "$(nproc)" -R '^(unit|fuzz)\.'
