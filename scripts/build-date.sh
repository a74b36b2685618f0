#!/bin/sh
# Prints the build date in seconds since the epoch: SOURCE_DATE_EPOCH, else the
# last commit's time, else (in a source archive) that of the VERSION file.
set -eu
cd "$(dirname "$0")/.."
if [ -n "${SOURCE_DATE_EPOCH:-}" ]; then
	echo "$SOURCE_DATE_EPOCH"
elif [ -e .git ] && command -v git >/dev/null; then
	# Only a repository of our own: an unpacked archive may lie inside another.
	git log -1 --format=%ct
else
	stat -c %Y VERSION
fi
