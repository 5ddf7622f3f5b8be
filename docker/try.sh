#!/usr/bin/env bash
# Builds the image with buildah, runs it with podman in a namespace of its own, and lets a client knock at it.
# sudo docker/try.sh; it needs no registry of images: without one the base is made by debootstrap.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
[ "$(id -u)" = 0 ] || { echo "docker/try.sh: run as root" >&2; exit 1; }

etc/packages.sh run demo image

base=docker.io/library/debian:12-slim
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! buildah inspect --type image "$base" >/dev/null 2>&1 && ! timeout 60 buildah pull -q "$base" 2>/dev/null; then
  echo "No registry gives $base: making it with debootstrap."
  debootstrap --variant=minbase bookworm "$work/base" >"$work/log" || { tail "$work/log" >&2; exit 1; }
  container=$(buildah from scratch)
  buildah add -q "$container" "$work/base" / >/dev/null
  buildah commit -q --rm "$container" "$base" >/dev/null
fi

commit=$(git -c safe.directory="$PWD" rev-parse HEAD 2>/dev/null || true) # none in an archive
buildah bud --format docker --isolation chroot --build-arg COMMIT="$commit" -t chronoknock -f docker/Dockerfile .
buildah images chronoknock
size=$(podman image inspect --format '{{.Size}}' chronoknock)
[ "$size" -lt 80000000 ] || { echo "docker/try.sh: the image has $size bytes, expected less than 80,000,000" >&2; exit 1; }

# The client of the demo is the image's own program.
container=$(buildah from chronoknock)
cp "$(buildah mount "$container")/usr/bin/chronoknock" "$work/chronoknock"
buildah rm "$container" >/dev/null
said=$("$work/chronoknock" --version)
[[ $said == *"(commit ${commit:0:12}"* ]] ||
  { echo "docker/try.sh: the image says '$said', expected the commit ${commit:0:12}" >&2; exit 1; }

python3 -B tests/e2e/demo.py --image chronoknock "$work/chronoknock"
