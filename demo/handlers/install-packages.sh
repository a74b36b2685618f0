#!/bin/sh
# install-packages.sh RUNASUSER PACKAGE...
#
# The demo's package manager: it "installs" below the demo's own directory, so
# that the demo changes nothing on the machine and needs no network. A handler
# in the handler directory goes before the built-in one of its name.
set -eu
shift
demo=$JOBBOX_HANDLER_DIR/..
mkdir -p "$demo/root/bin"
for package in "$@"; do
	install -m 0755 "$demo/packages/$package" "$demo/root/bin/$package"
	echo "installed $package as $(id -un)"
done
