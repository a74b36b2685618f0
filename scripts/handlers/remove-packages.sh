#!/bin/sh
# remove-packages.sh RUNASUSER "PACKAGE ..." [...]
#
# Removes packages with the first of opkg, apk, apt-get, dnf and yum that is in
# PATH. What is not installed counts as removed. Needs root.
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

# No slash and no leading dash: a name is neither a file nor an option.
check_name() {
	case $1 in
	[!A-Za-z0-9_]* | *[!A-Za-z0-9_.+:-]*)
		fail 2 "\"$(printable "$1")\" is not the name of a package: want letters, digits and _ . + : -"
		;;
	esac
}

# run sends errors to standard output as well: package managers warn there of
# trifles, and a line on ours fails jobs of the old schema.
run() {
	echo "+ $*"
	"$@" </dev/null 2>&1
}

# Asking first makes the second attempt of an interrupted step succeed, and
# keeps from apt-get what it would take for a pattern ("lib.") or for a request
# to install ("wget+").
installed() {
	if has opkg; then
		opkg status "$1" 2>/dev/null | grep -q '^Status: .* installed$'
	elif has apk; then
		apk info -e "$1" >/dev/null 2>&1
	elif has apt-get; then
		dpkg-query -W -f '${Status}\n' "$1" 2>/dev/null | grep -q ' installed$'
	else
		"$(in_path rpm)" -q "$1" >/dev/null 2>&1
	fi
}

remove_all() {
	if has opkg; then
		run opkg remove "$@"
	elif has apk; then
		run apk del "$@"
	elif has apt-get; then
		DEBIAN_FRONTEND=noninteractive
		export DEBIAN_FRONTEND
		run apt-get -q -y -o DPkg::Lock::Timeout=300 remove -- "$@"
	elif has dnf; then
		run dnf -y remove "$@"
	else
		run yum -y remove "$@"
	fi
}

[ $# -ge 1 ] || fail 2 "want RUNASUSER and names of packages, got nothing"
shift
# Several names come in one argument, as the managed templates send them.
# shellcheck disable=SC2086,SC2048
set -- $*
[ $# -ge 1 ] || fail 2 "want at least one name of a package"
for name in "$@"; do check_name "$name"; done
has opkg || has apk || has apt-get || has dnf || has yum ||
	fail 3 "no package manager here: looked for opkg, apk, apt-get, dnf and yum in $PATH"

for name in "$@"; do
	shift
	if installed "$name"; then
		set -- "$@" "$name"
	else
		echo "$name: not installed"
	fi
done
[ $# -ge 1 ] || exit 0
remove_all "$@"
status=$?
[ "$status" -eq 0 ] || fail 1 "remove $*: exit status $status"
