#!/bin/sh
# verify-packages-removed.sh RUNASUSER "PACKAGE[=VERSION] ..." [...]
#
# Succeeds when no package is installed, not in that version where one is named.
# Asks the data base of opkg, apk, dpkg or rpm. Needs no root.
want=removed

# From here on verify-packages-installed.sh and verify-packages-removed.sh are
# the same.
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

# BusyBox's shell may take its own applet rpm, which knows no data base, for the
# one in PATH.
in_path() {
	IFS=:
	for dir in $PATH; do
		[ -f "$dir/$1" ] && [ -x "$dir/$1" ] && printf '%s\n' "$dir/$1" && return
	done
	return 1
}

has() { in_path "$1" >/dev/null; }

check_name() {
	case $1 in
	[!A-Za-z0-9_]* | *[!A-Za-z0-9_.+:~=-]*)
		fail 2 "\"$(printable "$1")\" is not the name of a package: want letters, digits and _ . + : ~ = -"
		;;
	esac
}

# The functions below print the version of an installed package, else nothing.

opkg_version() {
	opkg status "$1" 2>/dev/null | while read -r key value; do
		case $key:$value in
		Version:*) version=$value ;;
		Status:*" installed") printf '%s\n' "$version" ;;
		esac
	done
}

apk_version() {
	apk info -e "$1" >/dev/null 2>&1 || return
	version=$(apk info -e -v "$1" 2>/dev/null)
	printf '%s\n' "${version#"$1"-}"
}

dpkg_version() {
	dpkg-query -W -f '${Status} ${Version}\n' "$1" 2>/dev/null | sed -n 's/^.* installed //p' | head -n 1
}

rpm_version() {
	version=$("$rpm" -q --qf '%{VERSION}-%{RELEASE}\n' "$1" 2>/dev/null) && printf '%s\n' "$version" | head -n 1
}

data_base() {
	if has opkg; then
		echo opkg
	elif has apk; then
		echo apk
	elif has dpkg-query; then
		echo dpkg
	elif rpm=$(in_path rpm); then
		echo rpm
	else
		return 1
	fi
}

# check_one says how it is with one package, and whether that is as wanted.
check_one() {
	name=${1%%=*}
	wanted=
	[ "$name" = "$1" ] || wanted=${1#*=}
	version=$("${base}_version" "$name")
	echo "$name: ${version:-not installed}"
	if [ -z "$version" ] || { [ -n "$wanted" ] && [ "$version" != "$wanted" ]; }; then
		[ "$want" = removed ]
	else
		[ "$want" = installed ]
	fi
}

[ $# -ge 1 ] || fail 2 "want RUNASUSER and names of packages, got nothing"
shift
# Several names come in one argument, as the managed templates send them.
# shellcheck disable=SC2086,SC2048
set -- $*
[ $# -ge 1 ] || fail 2 "want at least one name of a package"
for name in "$@"; do check_name "$name"; done
base=$(data_base) || fail 3 "no package data base here: looked for opkg, apk, dpkg-query and rpm in $PATH"
rpm=$(in_path rpm)

others=
for item in "$@"; do check_one "$item" || others="$others $item"; done
[ -z "$others" ] || fail 1 "not $want:$others"
