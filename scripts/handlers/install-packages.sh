#!/bin/sh
# install-packages.sh RUNASUSER "PACKAGE ..." [...]
#
# Installs packages with the first of opkg, apk, apt-get, dnf and yum that is in
# PATH, after a look for newer indexes. PACKAGE=VERSION asks for a version where
# the package manager can. Nothing is asked back. Needs root.
set -uf
LC_ALL=C
export LC_ALL

fail() {
	status=$1
	shift
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit "$status"
}

printable() { printf '%s' "$1" | tr -c ' -~' '?' | cut -c 1-64; }

has() { command -v "$1" >/dev/null 2>&1; }

# No slash and no leading dash: a name is neither a file, an address nor an
# option. No dash at the end either: apt-get takes that for "remove".
check_name() {
	case $1 in
	[!A-Za-z0-9_]* | *[!A-Za-z0-9_.+:~=@-]* | *-)
		fail 2 "\"$(printable "$1")\" is not the name of a package: want letters, digits and _ . + : ~ = @ -"
		;;
	esac
}

# run sends errors to standard output as well: package managers warn there of
# trifles, and a line on ours fails jobs of the old schema.
run() {
	echo "+ $*"
	"$@" </dev/null 2>&1
}

# An index that cannot be had is worth a line only: the package may be in
# another one, or in a local one.
refresh() { run "$@" || echo "$1: the index could not be refreshed, exit status $?"; }

# apt-get takes a name that it does not know and that holds a dot for a pattern.
apt_knows() {
	for name in "$@"; do
		plain=${name%%=*}
		case $plain in
		*.*) apt-cache pkgnames "${plain%%:*}" 2>/dev/null | grep -qxF -- "${plain%%:*}" ||
			fail 1 "$plain: no such package" ;;
		esac
	done
}

install_all() {
	if has opkg; then
		refresh opkg update
		run opkg install "$@"
	elif has apk; then
		refresh apk update
		run apk add "$@"
	elif has apt-get; then
		DEBIAN_FRONTEND=noninteractive
		export DEBIAN_FRONTEND
		refresh apt-get -q -o DPkg::Lock::Timeout=300 update
		apt_knows "$@"
		run apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confdef \
			-o Dpkg::Options::=--force-confold install -- "$@"
	elif has dnf; then
		run dnf -y install "$@"
	elif has yum; then
		run yum -y install "$@"
	else
		fail 3 "no package manager here: looked for opkg, apk, apt-get, dnf and yum in $PATH"
	fi
}

[ $# -ge 1 ] || fail 2 "want RUNASUSER and names of packages, got nothing"
shift
# Several names come in one argument, as the managed templates send them.
# shellcheck disable=SC2086,SC2048
set -- $*
[ $# -ge 1 ] || fail 2 "want at least one name of a package"
for name in "$@"; do check_name "$name"; done
install_all "$@"
status=$?
[ "$status" -eq 0 ] || fail 1 "install $*: exit status $status"
