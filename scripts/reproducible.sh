#!/bin/sh
# Builds for one core twice, from two copies of the source in directories of
# different names, and compares: once as always, once with empty caches. They
# must be such that whoever builds can remove them.
set -eu
core=${1:-arm7}
cd "$(dirname "$0")/.."
here=$PWD
work=$(mktemp -d)
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT INT TERM

# The copies have no git: both get what the build takes from it.
VERSION=$(scripts/version.sh)
SOURCE_DATE_EPOCH=$(scripts/build-date.sh)
export VERSION SOURCE_DATE_EPOCH

# A source archive, or the working tree as it stands: what changed is meant too.
sources() {
	find . \( -name .git -o -name node_modules -o -path ./bin -o -path ./dist -o -path ./.cache -o -path ./sim \) -prune -o -type f -print0
}

for copy in one another/one; do
	mkdir -p "$work/$copy"
	sources | tar -c --null -T - -f - | tar -x -C "$work/$copy" -f -
done
(cd "$work/one" && make -s "cross-$core" GO="${GO:-go}")
proxies=file://$("${GO:-go}" env GOMODCACHE)/cache/download,$("${GO:-go}" env GOPROXY)
(cd "$work/another/one" && GOCACHE=$work/cache GOMODCACHE=$work/modules GOPROXY=$proxies make -s "cross-$core" GO="${GO:-go}")
if find "$work/cache" "$work/modules" -type d ! -perm -u+w | grep .; then
	echo "the build left directories that rm -rf cannot empty" >&2
	exit 1
fi

first=$work/one/bin/jobbox-linux-$core
second=$work/another/one/bin/jobbox-linux-$core
if ! cmp "$first" "$second"; then
	echo "jobbox-linux-$core differs between two builds of $here" >&2
	exit 1
fi
sha256sum "$first" | sed "s| .*| jobbox-linux-$core, both times|"
