#!/usr/bin/env bash
# Two builds of the tree in two folders, byte by byte: tests/reproducible.sh [TARGET FILE TYPE]
# By default the whole program, app/chronoknock, as Release; in CI a part of it with what debuggers are told
# (tests/e2e/test_build.py), which names folders unless the compiler is told not to.
set -euo pipefail
source=$(readlink -f "$(dirname "$(readlink -f "$0")")/..")
target=${1:-app/chronoknock} file=${2:-app/chronoknock} type=${3:-Release}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# What --version and the check of certificates go by: the commit, and the day of the build.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(stat -c %Y "$source/CMakeLists.txt")}
export SOURCE_DATE_EPOCH CCACHE_DISABLE=1
for folder in one another/and/deeper; do
  mkdir -p "$work/$folder"
  # The tree lies elsewhere, and so does the build.
  (cd "$source" && tar -c CMakeLists.txt CMakePresets.json lib app etc) | tar -x -C "$work/$folder"
  cmake -S "$work/$folder" -B "$work/$folder/build" -G Ninja -DCMAKE_BUILD_TYPE="$type" -DCHRONOKNOCK_COMMIT=same >/dev/null
  cmake --build "$work/$folder/build" --target "$target" >/dev/null
done
cmp "$work/one/build/$file" "$work/another/and/deeper/build/$file"
if grep -qF "$work" "$work/one/build/$file"; then
  echo "tests/reproducible.sh: $file names the folder that it was built in" >&2
  exit 1
fi
echo "the same twice: $(sha256sum <"$work/one/build/$file" | cut -c1-64) $file"
