#!/usr/bin/env bash
# Builds Debian's packages, chronoknock and chronoknock-client, from the commit that is checked out:
#   etc/package.sh [--out FOLDER] [--version SUFFIX] [--check]
# They lie in FOLDER then (build/packages). --version: SUFFIX, which may be empty, stands behind the version of
# CMakeLists.txt; otherwise the commit's date does (~DATE, sorted before it; +DATE, after it, where an earlier commit has
# that version's tag, v0.1.0), but where the commit itself has the tag nothing.
# --check: lintian looks at them, and an error or a warning that nothing explains (etc/debian/*.lintian-overrides) ends
# it with status 1. No root is needed. What is to be installed for it: sudo etc/packages.sh build package
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
usage() { sed -n '3p' "$0" | sed 's/^# */usage: /' >&2; exit 2; }

out=build/packages check=''
unset suffix
while [ $# -gt 0 ]; do
  case $1 in
    --out) out=${2:?}; shift 2 ;;
    --version) suffix=${2?}; shift 2 ;;
    --check) check=1; shift ;;
    *) usage ;;
  esac
done

mkdir -p "$out"
out=$(readlink -f "$out")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/chronoknock
mkdir "$tree"

# A clone, or what `git archive` made of one.
if [ -e .git ]; then
  git archive HEAD | tar -x -C "$tree"
  date=$(git log -1 --format=%ct)
else
  cp -r . "$tree"
  date=$(stat -c %Y etc/commit)
fi
commit=$(head -c 12 "$tree/etc/commit")
version=$(sed -n 's/^project(chronoknock VERSION \([0-9.]*\).*/\1/p' "$tree/CMakeLists.txt")
# Before the version that it is on the way to, or after the one that it is based on.
released() { [ -e .git ] && git tag "$1" HEAD 2>/dev/null | grep -qxF "v$version"; }
dated=$(date -u -d "@$date" +%Y%m%d.%H%M%S)
if released --points-at; then dated=''; elif released --merged; then dated="+$dated"; else dated="~$dated"; fi
version=$version${suffix-$dated}

mv "$tree/etc/debian" "$tree/debian"
maintainer=$(sed -n 's/^Maintainer: //p' "$tree/debian/control.in")
sed "s/@BUILD@/$("$tree/etc/packages.sh" --list build | grep -vx g++ | paste -sd, | sed 's/,/, /g')/" "$tree/debian/control.in" >"$tree/debian/control"
rm "$tree/debian/control.in"
cat >"$tree/debian/changelog" <<END
chronoknock ($version) UNRELEASED; urgency=medium

  * What changed is in CHANGELOG.md; this is commit $commit.

 -- $maintainer  $(date -u -R -d "@$date")
END

# The time of the commit, so that the same commit gives the same bytes.
export SOURCE_DATE_EPOCH=$date
if command -v ccache >/dev/null; then
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache CCACHE_BASEDIR=$work CCACHE_NOHASHDIR=1
  export CCACHE_DIR=${CCACHE_DIR:-${HOME:-/root}/.cache/ccache}
fi
(cd "$tree" && dpkg-buildpackage -b -us -uc -rfakeroot) >"$out/build.log" 2>&1 || { tail -50 "$out/build.log" >&2; exit 1; }
rm -f "$out"/chronoknock{,-client}{,-dbgsym}_*.deb
mv "$work"/*.deb "$work"/*.changes "$work"/*.buildinfo "$out"
ls "$out"/chronoknock*_"$version"_*.deb

if [ "$check" ]; then
  # Not those for an upload to Debian: there is none. (With --show-overrides what is explained would fail as well.)
  lintian --allow-root --fail-on error,warning --suppress-tags \
    initial-upload-closes-no-bugs,no-homepage-field,unreleased-changelog-distribution "$out"/chronoknock_*.deb "$out"/chronoknock-client_*.deb
fi
