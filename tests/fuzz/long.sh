#!/usr/bin/env bash
# Runs each fuzz target by libFuzzer: tests/fuzz/long.sh BUILD SECONDS [NAME...], BUILD being one of the preset fuzz.
# What the corpora grow by is kept in BUILD/tests/fuzz/corpus; an input that breaks a promise is BUILD/crash-NAME-*.
# A line for each target: executions, the edges of the program that were covered, inputs kept. With MERGE=1 as few
# of seeds and grown inputs as cover what all of them do go into tests/fuzz/grown.tar.xz.
set -euo pipefail
[ $# -ge 2 ] || { sed -n 2,6p "$0" >&2; exit 2; }
build=$(readlink -f "$1") seconds=$2
source=$(dirname "$(readlink -f "$0")")
shift 2
cd "$build"
if [ $# -eq 0 ]; then
  mapfile -t names < <(find tests/fuzz -maxdepth 1 -name 'fuzz_*' -type f -executable -printf '%f\n' | sed 's/^fuzz_//' | sort)
else
  names=("$@")
fi
if [ "${MERGE:-}" ]; then # of those that are not run what there is stays
  rm -rf fewest
  mkdir fewest
  tar -xf "$source/grown.tar.xz" -C fewest
fi
failed=0 all=0
printf '%-16s %12s %10s %8s\n' target executions edges inputs
for name in "${names[@]}"; do
  grown=tests/fuzz/corpus/$name
  mkdir -p "$grown"
  log=fuzz-$name.log
  if "tests/fuzz/fuzz_$name" -max_total_time="$seconds" -print_final_stats=1 -rss_limit_mb=3000 \
    -artifact_prefix="$build/crash-$name-" "$grown" "$source/corpus/$name" >"$log" 2>&1; then
    result=''
  else
    result="FAILED: $build/$log" failed=1
  fi
  done_=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  edges=$(grep -o 'cov: [0-9]*' "$log" | tail -1 | cut -d' ' -f2)
  all=$((all + ${done_:-0}))
  printf '%-16s %12s %10s %8s %s\n' "$name" "${done_:-?}" "${edges:-?}" "$(find "$grown" -type f | wc -l)" "$result"
  if [ "${MERGE:-}" ] && [ -z "$result" ]; then
    rm -rf "fewest/corpus/$name"
    mkdir -p "fewest/corpus/$name"
    "tests/fuzz/fuzz_$name" -set_cover_merge=1 "fewest/corpus/$name" "$source/corpus/$name" "$grown" >>"$log" 2>&1
    [ "$(ls "fewest/corpus/$name")" ] || { echo "$name: nothing was merged"; failed=1; }
  fi
done
echo "$all executions"
if [ "${MERGE:-}" ]; then
  tar -c --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -C fewest corpus | xz >"$source/grown.tar.xz"
fi
exit $failed
