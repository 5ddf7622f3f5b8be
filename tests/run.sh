#!/usr/bin/env bash
# The tests, in rings, the quickest first; the first that fails ends it, and a summary stands at the end.
#   sudo tests/run.sh [RING...]
# Without a ring: lint build unit e2e sanitizers, which is what CI runs. The rings:
#   lint        clang-format, shellcheck, cppcheck
#   build       everything, by g++ with warnings as errors
#   unit        the unit tests, and the fuzz targets on their seeds and some thousands of mutations of them
#   e2e         the program as it was built, in network namespaces (root is needed; nothing outside them is touched)
#   sanitizers  by clang, warnings as errors, with AddressSanitizer and UndefinedBehaviorSanitizer: the unit tests, and
#               each fuzz target by libFuzzer, for some seconds
# and by name only, since they take longer, or ask Debian's mirror for much:
#   tidy        clang-tidy, with the checks of .clang-tidy, on all of lib/ and app/
#   clang       everything by clang, the programs too, with warnings as errors, and the unit tests
#   asan        unit tests and fuzz targets by g++, under the sanitizers
#   tsan        unit tests of what has threads, under ThreadSanitizer
#   libfuzzer   each fuzz target for FUZZ_SECONDS (60), by libFuzzer; says executions and coverage
#   static      the client without shared libraries, tried in an empty chroot, and at a real server's door
#   same        two builds in two folders, byte by byte
#   trixie      the README's two commands in a Debian 13; bookworm: in a Debian 12
#   image       the container's image, and a knock through it (docker/try.sh)
#   packages    Debian's packages: built, installed, upgraded, removed in fresh Debians 12 and 13 (tests/packages.py)
# It installs what is missing; run it on a machine made for tests.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

case ${1:-} in
  '') rings=(lint build unit e2e sanitizers) ;;
  -h | --help) sed -n '2,/^# It installs/p' "$0" | sed 's/^# \{0,1\}//'; exit 0 ;;
  *) rings=("$@") ;;
esac
for ring in "${rings[@]}"; do
  grep -qE "^ring_$ring\(\)" "$0" || { echo "tests/run.sh: no ring '$ring': tests/run.sh --help lists them" >&2; exit 2; }
done
[ "$(id -u)" = 0 ] || { echo "tests/run.sh: network namespaces need root: sudo tests/run.sh" >&2; exit 1; }

jobs=$(nproc)
# What is built belongs to whoever the tree belongs to, not to root.
owner=$(stat -c %U .)
as_owner() { case $owner in root | UNKNOWN) "$@" ;; *) runuser -u "$owner" -- "$@" ;; esac; }
build() { # PRESET TARGET...
  as_owner cmake --preset "$1" >/dev/null
  as_owner cmake --build "build/$1" --target "${@:2}"
}
tests() { # PRESET EXPRESSION [OPTION...]
  ctest --test-dir "build/$1" --output-on-failure --no-tests=error -j "${3:-$jobs}" -R "$2"
}
asked_for() { printf '%s\n' "${rings[@]}" | grep -qx "$1"; }

ring_lint() {
  find app lib tests -name '*.[ch]pp' -print0 | xargs -0 clang-format-19 --dry-run -Werror
  find etc tests docker -name '*.sh' -print0 |
    xargs -0 shellcheck .ci/run etc/debian/stage etc/debian/chronoknock.{postinst,prerm,postrm}
  # Of what is decided below io/, where strangers have a say. What tests/cppcheck.txt lists is not so.
  as_owner mkdir -p build/cppcheck
  cppcheck --quiet --std=c++20 --error-exitcode=1 --enable=warning,portability -j "$jobs" \
    --cppcheck-build-dir=build/cppcheck --library=boost --library=openssl -I lib --suppressions-list=tests/cppcheck.txt \
    lib/base lib/packet lib/key lib/method lib/timesync lib/helper lib/grant lib/config lib/client lib/fleet \
    lib/firewall lib/notify lib/report lib/supervisor
}

sanitized=
ring_build() {
  build release all
  asked_for sanitizers && asked_for e2e || return 0
  # Beside the tests, which wait more than they compute; idle priority, so that they do not notice.
  set -m # a process group of its own
  (renice -n 19 $BASHPID >/dev/null && build fuzz unit_and_fuzz) >build/sanitizers.log 2>&1 &
  set +m
  sanitized=$!
}

ring_unit() {
  build release all
  tests release '^(unit|fuzz)\.'
}

ring_e2e() {
  build release all
  tests release '^e2e\.' $((jobs * 2)) # they wait more than they compute
  # What asks for something that this machine has not passes over itself.
  local skipped
  skipped=$(grep "skipped ['\"]" build/release/Testing/Temporary/LastTest.log) || return 0
  echo "$skipped"
  remark="$(wc -l <<<"$skipped") skipped"
}

ring_sanitizers() {
  if [ "$sanitized" ]; then
    wait "$sanitized" || { sanitized=; cat build/sanitizers.log; return 1; }
    sanitized=
  else
    build fuzz unit_and_fuzz
  fi
  tests fuzz '^(unit|fuzz)\.'
}

ring_tidy() {
  build release commit
  # Debian 12's own std::stable_sort uses what is deprecated; g++'s precompiled headers, if any are built, are not clang's.
  find lib app -name '*.cpp' -not -name no_netlink.cpp -print0 | xargs -0 -P "$jobs" -n 4 \
    clang-tidy-19 -p build/release --quiet --extra-arg=-Wno-unknown-warning-option \
    --extra-arg=-Wno-deprecated-declarations --extra-arg=-Wno-ignored-gch
}

ring_clang() {
  build clang all
  tests clang '^(unit|fuzz)\.'
}

ring_asan() {
  build asan unit_and_fuzz
  tests asan '^(unit|fuzz)\.'
}

ring_tsan() {
  build tsan test_io test_helper test_timesync chronoknock chronoknock_client
  tests tsan '^unit\.(io|helper|timesync)$'
  # The programs' own threads: what they say of themselves goes to files, so that no test takes it for theirs.
  local said
  said=$(mktemp -d)
  chmod 777 "$said" # the server is a user of its own
  # (Of test_connect not Door, which counts the libraries that are loaded.)
  (cd tests/e2e && for one in test_knock "test_connect Ssh Bytes" test_client_alone; do
    read -ra words <<<"$one"
    TSAN_OPTIONS="log_path=$said/of" CHRONOKNOCK=$OLDPWD/build/tsan/app/chronoknock \
      CHRONOKNOCK_CLIENT=$OLDPWD/build/tsan/app/chronoknock_client python3 -B "${words[0]}.py" "${words[@]:1}"
  done)
  [ -z "$(ls "$said")" ] || { cat "$said"/*; return 1; }
  rm -r "$said"
}

ring_libfuzzer() {
  build fuzz unit_and_fuzz
  as_owner tests/fuzz/long.sh build/fuzz "${FUZZ_SECONDS:-60}"
}

ring_static() {
  build static-client chronoknock_client
  tests/support/empty_chroot.sh build/static-client/app/chronoknock
  build release chronoknock
  (cd tests/e2e && CHRONOKNOCK=$OLDPWD/build/release/app/chronoknock \
    CHRONOKNOCK_CLIENT=$OLDPWD/build/static-client/app/chronoknock python3 -B test_client_alone.py Knock)
}

ring_same() { as_owner tests/reproducible.sh; }

in_debian() {
  tests/support/in_debian.py "$1" --out "build/out-$1" "etc/quickstart.sh && tests/run.sh"
}
ring_trixie() { in_debian trixie; }
ring_bookworm() { in_debian bookworm; }

ring_packages() { tests/packages.py; }

ring_image() { docker/try.sh; }

declare -A needs=([lint]=lint [build]='build unit run' [unit]='build unit run' [e2e]='build unit run test'
  [sanitizers]='build unit run clang' [asan]='build unit run' [tidy]='build unit run tidy' [clang]='build unit run clang' [tsan]='build unit run'
  [libfuzzer]='build unit run clang' [static]='build unit run test' [same]=build [trixie]=debian [bookworm]=debian [packages]='debian demo'
  [image]='run demo image')
sections=()
for ring in "${rings[@]}"; do read -ra more <<<"${needs[$ring]}"; sections+=("${more[@]}"); done
mapfile -t sections < <(printf '%s\n' "${sections[@]}" | sort -u)
etc/packages.sh "${sections[@]}"

said=() passed=0 failed=0
finish() {
  [ -z "$sanitized" ] || kill -- -"$sanitized" 2>/dev/null || true
  [ ${#said[@]} -gt 0 ] || return 0
  printf '\n%-12s %-7s %s\n' ring '' time
  printf '%s\n' "${said[@]}"
  echo "rings: $passed passed, $failed failed, in $((SECONDS / 60)) minutes"
}
trap finish EXIT
for ring in "${rings[@]}"; do
  printf '\n== %s\n' "$ring"
  started=$SECONDS
  failed=1
  said+=("$(printf '%-12s %-7s' "$ring" failed)")
  remark=''
  "ring_$ring" # set -e: it ends here if that fails
  failed=0
  passed=$((passed + 1))
  took=$((SECONDS - started))
  said[-1]=$(printf '%-12s %-7s %d:%02d %s' "$ring" passed $((took / 60)) $((took % 60)) "$remark")
done
