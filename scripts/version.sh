#!/bin/sh
# Prints the version: the VERSION file, else what git says of this commit.
set -eu
cd "$(dirname "$0")/.."
if [ -s VERSION ]; then
	cat VERSION
else
	git describe --tags --always
fi
