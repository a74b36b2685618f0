#!/bin/sh
# Makes, of the last commit, dist/jobbox-VERSION.tar.gz: the source, with the
# modules that the binary needs in vendor/. And jobbox-VERSION-packages.tar.gz:
# the package trees of buildroot/, yocto/ and openwrt/, which know that archive
# by its SHA-256. Prints both hash lines. The same commit gives the same bytes.
# Built from the first, nothing is fetched:
#   make GOFLAGS=-mod=vendor GOPROXY=off
set -eu
cd "$(dirname "$0")/.."
out=${1:-dist}
version=$(scripts/version.sh)
name=jobbox-$version
date=$(scripts/build-date.sh)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

# pack NAME makes NAME.tar.gz of that directory. Modes and times are ours alone,
# not those of this checkout; the time of VERSION becomes the build date where
# there is no git.
pack() {
	tar -c -C "$work" --sort=name --mtime="@$date" --owner=0 --group=0 --numeric-owner \
		--mode=u=rwX,go=rX --format=gnu "$1" | gzip -9n >"$out/$1.tar.gz"
	(cd "$out" && sha256sum "$1.tar.gz" | tee "$1.tar.gz.sha256")
}

# fill FILE EXPRESSION edits a file in which the sum was left blank.
fill() {
	sed -i "$2" "$1"
	grep -q "$sum" "$1" || {
		echo "dist: $1 has no place for the archive's SHA-256" >&2
		exit 1
	}
}

git archive --prefix="$name/" HEAD | tar -x -C "$work"
(cd "$work/$name" && "${GO:-go}" mod vendor)
mkdir -p "$out"
pack "$name"

sum=$(cut -d ' ' -f 1 "$out/$name.tar.gz.sha256")
trees=$work/$name-packages
mkdir -p "$trees/yocto"
(cd "$work/$name" && cp -R LICENSE buildroot openwrt "$trees" && cp -R yocto/meta-jobbox "$trees/yocto")
fill "$trees/buildroot/package/jobbox/jobbox.hash" "1a sha256  $sum  $name.tar.gz"
fill "$trees/yocto/meta-jobbox/recipes-core/jobbox/jobbox_$version.bb" "s/^\\(SRC_URI\\[sha256sum\\] = \\)\"0*\"/\\1\"$sum\"/"
fill "$trees/openwrt/jobbox/Makefile" "s/^PKG_HASH:=0*\$/PKG_HASH:=$sum/"
pack "$name-packages"
