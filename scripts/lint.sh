#!/bin/sh
# gofmt, vet and staticcheck over both modules, shellcheck over every script.
# The first argument is the command that runs staticcheck.
set -eu
cd "$(dirname "$0")/.."
staticcheck=$1

# Files of ours: nothing that was built, fetched or is git's own.
ours() {
	find . \( -name .git -o -name node_modules -o -path ./bin -o -path ./dist -o -path ./.cache \) -prune -o -type f "$@" -print
}

is_shell() {
	case $1 in
	*.sh) true ;;
	*.go | *.md | *.patch) false ;;
	*) head -c 64 "$1" | head -n 1 | grep -aqE '^#! ?/bin/(ba|da)?sh' ;;
	esac
}

badly=$(ours -name '*.go' | xargs gofmt -l)
if [ -n "$badly" ]; then
	echo "run gofmt -w on: $badly" >&2
	exit 1
fi
# vet MODULE TAGS: some files are only there with a tag, some only without.
vet() {
	(cd "$1" && go vet -tags "$2" ./... && $staticcheck -tags "$2" ./...)
}
vet . ''
vet . crashpoints
vet . exclude_jobs,exclude_fetch
vet sim boottest,boottestmips
ours | while read -r file; do
	if is_shell "$file"; then
		shellcheck "$file"
	fi
done
