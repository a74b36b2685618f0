#!/bin/sh
# install-handlers.sh DIR
#
# Installs the built-in job handlers to DIR, as files of mode 0700 that work
# each for itself, in no need of the others: what packages do, and the same
# files that "jobbox handlers install" writes. The first lines of a script name
# what it is installed as, which may be several things.
set -eu

if [ $# -ne 1 ] || [ ! -d "$1" ]; then
	echo "usage: ${0##*/} DIR; the directory must be there" >&2
	exit 2
fi
here=$(dirname "$0")
for script in "$here"/handlers/*.sh; do
	names=$(sed -n 's/^# \([a-z-]*\.sh\) RUNASUSER.*/\1/p' "$script")
	if [ -z "$names" ]; then
		echo "${0##*/}: $script does not say what it is" >&2
		exit 1
	fi
	for name in $names; do install -m 0700 "$script" "$1/$name"; done
done
