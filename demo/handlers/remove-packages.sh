#!/bin/sh
# remove-packages.sh RUNASUSER PACKAGE...
#
# Takes away what the demo's install-packages.sh installed.
set -eu
shift
demo=$JOBBOX_HANDLER_DIR/..
for package in "$@"; do
	rm "$demo/root/bin/$package"
	echo "removed $package"
done
