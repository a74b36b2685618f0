#!/bin/sh
# install-packages.sh RUNASUSER "PACKAGE ..." [...]
# remove-packages.sh RUNASUSER "PACKAGE ..." [...]
# verify-packages-installed.sh RUNASUSER "PACKAGE[=VERSION] ..." [...]
# verify-packages-removed.sh RUNASUSER "PACKAGE[=VERSION] ..." [...]
#
# Which of the four this is, the name of the file says. The first of opkg, apk,
# apt-get, dnf and yum that is in PATH is used, and nothing is asked back.
# - install looks for newer indexes first; PACKAGE=VERSION asks for a version
#   where the package manager can. Needs root.
# - remove counts what is not installed as removed. Needs root.
# - verify-packages-installed succeeds when every package is installed, in that
#   version where one is named; verify-packages-removed when none is. They ask
#   the data base of opkg, apk, dpkg or rpm. opkg's may need root.
set -uf
export LC_ALL=C

fail() {
	printf '%s: %s\n' "${0##*/}" "$2" >&2
	exit "$1"
}

printable() { printf '%s' "$1" | tr -c ' -~' '?' | cut -c 1-64; }

# BusyBox's shell may take its own applet rpm, which knows no data base, for the
# one in PATH.
in_path() (
	IFS=:
	for dir in $PATH; do
		[ -f "$dir/$1" ] && [ -x "$dir/$1" ] && printf '%s\n' "$dir/$1" && return
	done
	return 1
)

# No slash and no leading dash: a name is neither an address nor an option. No
# dash at the end either: apt-get takes that for "remove".
check_name() {
	case $1 in
	[!A-Za-z0-9_]* | *[!A-Za-z0-9_.+:"$signs"-]* | *-)
		fail 2 "\"$(printable "$1")\" is not the name of a package: want letters, digits and _.+:$signs-"
		;;
	esac
}

find_manager() {
	for manager in opkg apk apt-get dnf yum; do
		in_path "$manager" >/dev/null && return
	done
	manager=
}

# find_base goes by the manager: the tool of another one may be there as well.
find_base() {
	case $manager in
	opkg | apk) base=$manager ;;
	apt-get) base=dpkg-query ;;
	dnf | yum) base=rpm ;;
	*)
		base=dpkg-query
		in_path "$base" >/dev/null || base=rpm
		;;
	esac
	query=$(in_path "$base") ||
		fail 3 "no package data base here: looked for opkg, apk, dpkg-query and rpm in $PATH"
}

# ask leaves in $answer what the data base says of package $1. Exit statuses
# above $2 are no answer, which is something else than "not installed".
ask() {
	package=$1 highest=$2
	shift 2
	# The shell itself has a line to say of a program that is killed.
	{
		answer=$("$query" "$@" "$package")
		status=$?
	} 2>/dev/null
	[ "$status" -le "$highest" ] || no_answer
}

no_answer() { fail 1 "$base does not tell whether $package is installed: exit status $status"; }

# look leaves in $version that of an installed package, else nothing.
look() {
	version=
	case $base in
	opkg)
		ask "$1" 0 status
		version=$(printf '%s\n' "$answer" | sed -n -e '/^Version: /{s/^Version: //;h;}' -e '/^Status: .* installed$/{g;p;}')
		;;
	apk)
		ask "$1" 1 info -e
		[ "$status" -eq 0 ] || return
		ask "$1" 0 info -e -v
		version=${answer#"$1"-}
		;;
	dpkg-query)
		# shellcheck disable=SC2016 # dpkg-query's own
		ask "$1" 1 -W -f '${Status} ${Version}\n'
		version=$(printf '%s\n' "$answer" | sed -n 's/^.* installed //p')
		;;
	rpm)
		ask "$1" 1 -q --qf '%{VERSION}-%{RELEASE}\n'
		case $status:$answer in
		0:*) version=$answer ;;
		*" is not installed"*) ;;
		*) no_answer ;;
		esac
		;;
	esac
	version=${version%%[!!-~]*} # of the first, where several are installed
}

# run sends errors to standard output as well: package managers warn there of
# trifles, and a line on ours fails jobs of the old schema.
run() {
	printf '+ %s\n' "$*"
	"$@" </dev/null 2>&1
}

# An index that cannot be had is worth a line only: the package may be in
# another one, or in a local one.
stale() { echo "the index could not be refreshed, exit status $?"; }

# apt-get takes a name that it does not know and that holds a dot or a plus for
# a pattern, and installs all that match.
apt_knows() {
	for name in "$@"; do
		plain=${name%%[=:]*}
		case $plain in
		*[.+]*) apt-cache pkgnames "$plain" 2>/dev/null | grep -qxF -- "$plain" ||
			fail 1 "$plain: no such package" ;;
		esac
	done
}

apt_get() {
	DEBIAN_FRONTEND=noninteractive
	export DEBIAN_FRONTEND
	run apt-get -q -y -o DPkg::Lock::Timeout=300 "$@"
}

# opkg, apk, dnf and yum take x.rpm and the like for a file of the working
# directory, where another job may have put one.
install_all() {
	cd /
	case $manager in
	opkg)
		run opkg update || stale
		run opkg install "$@"
		;;
	apk)
		run apk update || stale
		run apk add "$@"
		;;
	apt-get)
		apt_get update || stale
		apt_knows "$@"
		apt_get -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold install -- "$@"
		;;
	*) run "$manager" -y install "$@" ;;
	esac
}

remove_all() {
	case $manager in
	opkg) run opkg remove "$@" ;;
	apk) run apk del "$@" ;;
	apt-get) apt_get remove -- "$@" ;;
	*) run "$manager" -y remove "$@" ;;
	esac
}

# remove asks first: that makes the second attempt of an interrupted step
# succeed, and keeps from apt-get what it would take for a pattern ("lib.") or
# for a request to install ("wget+").
remove() {
	for name in "$@"; do
		shift
		look "$name"
		if [ -n "$version" ]; then
			set -- "$@" "$name"
		else
			echo "$name: not installed"
		fi
	done
	[ $# -eq 0 ] || remove_all "$@"
}

# check_one says how it is with one package, and whether that is as wanted.
check_one() {
	look "${1%%=*}"
	printf '%s\n' "${1%%=*}: ${version:-not installed}"
	case $1 in
	*=*) [ "$version" = "${1#*=}" ] || version= ;;
	esac
	case $task in
	installed) [ -n "$version" ] ;;
	removed) [ -z "$version" ] ;;
	esac
}

verify() {
	others=
	for item in "$@"; do check_one "$item" || others="$others $item"; done
	[ -z "$others" ] || fail 1 "not $task:$others"
}

case ${0##*/} in
install-*) task=install signs='~=@' ;;
remove-*) task=remove signs='' ;;
verify-*-installed*) task=installed signs='~=' ;;
verify-*-removed*) task=removed signs='~=' ;;
*) fail 2 "the name of this file must be that of one of its handlers, see its first lines" ;;
esac
[ $# -ge 1 ] || fail 2 "want RUNASUSER and names of packages, got nothing"
shift
# Several names come in one argument, as the managed templates send them.
# shellcheck disable=SC2086,SC2048
set -- $*
[ $# -ge 1 ] || fail 2 "want at least one name of a package"
for name in "$@"; do check_name "$name"; done
find_manager
case $task in
install | remove) [ -n "$manager" ] ||
	fail 3 "no package manager here: looked for opkg, apk, apt-get, dnf and yum in $PATH" ;;
esac
[ "$task" = install ] || find_base

case $task in
install) install_all "$@" ;;
remove) remove "$@" ;;
*) verify "$@" ;;
esac
status=$?
[ "$status" -eq 0 ] || fail 1 "$task $*: exit status $status"
