#!/bin/sh
# Makes dist/jobbox-VERSION.tar.gz of the last commit, with the modules that the
# binary needs in vendor/, and prints its hash line. The same commit gives the
# same bytes. Built from there, nothing is fetched:
#   make GOFLAGS=-mod=vendor GOPROXY=off
set -eu
cd "$(dirname "$0")/.."
out=${1:-dist}
name=jobbox-$(scripts/version.sh)
date=$(scripts/build-date.sh)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

git archive --prefix="$name/" HEAD | tar -x -C "$work"
(cd "$work/$name" && "${GO:-go}" mod vendor)
mkdir -p "$out"
# Modes and times of the archive are ours alone, not those of this checkout; the
# time of VERSION becomes the build date where there is no git.
tar -c -C "$work" --sort=name --mtime="@$date" --owner=0 --group=0 --numeric-owner \
	--mode=u=rwX,go=rX --format=gnu "$name" | gzip -9n >"$out/$name.tar.gz"
(cd "$out" && sha256sum "$name.tar.gz" | tee "$name.tar.gz.sha256")
