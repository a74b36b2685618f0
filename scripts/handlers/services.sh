#!/bin/sh
# start-services.sh RUNASUSER "SERVICE ..." [...]
# stop-services.sh RUNASUSER "SERVICE ..." [...]
# restart-services.sh RUNASUSER "SERVICE ..." [...]
#
# Starts, stops or restarts services, in order, and stops at the first one that
# fails; which of the three, the first word of this file's name says. Whichever
# comes first is asked: systemd or OpenRC where it runs the machine, else
# /etc/init.d/SERVICE (also procd's), else /etc/init.d/S??SERVICE.
set -uf
export LC_ALL=C

fail() {
	printf '%s: %s\n' "${0##*/}" "$2" >&2
	exit "$1"
}

printable() { printf '%s' "$1" | tr -c ' -~' '?' | cut -c 1-64; }

# No slash, no leading dash or dot: a name is nothing but a name.
check_name() {
	case $1 in
	[!A-Za-z0-9_]* | *[!A-Za-z0-9_.@:+-]*)
		fail 2 "\"$(printable "$1")\" is not the name of a service: want letters, digits and _ . @ : + -"
		;;
	esac
}

# relay passes a command's output on until the command has ended, and then sees
# to it that nobody who still holds the pipe is hurt by writing: a daemon that
# keeps the output of the script that started it would die of SIGPIPE after the
# job. What is left for that ends with the daemon, or at once.
relay() {
	exec 3<&0
	while IFS= read -r line; do
		case $line in
		*"$mark "[0-9]*)
			[ "${line%"$mark "*}" = "" ] || printf '%s\n' "${line%"$mark "*}"
			cat <&3 >/dev/null 2>&1 &
			return "${line##* }"
			;;
		esac
		printf '%s\n' "$line"
	done
	return 1
}

# call runs what controls a service. Its errors go to standard output as well:
# it says there what it likes, and a line on ours fails jobs of the old schema.
mark="($$ ended)"
call() {
	{
		"$@" </dev/null 2>&1
		printf '%s %s\n' "$mark" "$?"
	} | relay
}

control() {
	plain=${1%.service}
	if [ -d /run/systemd/system ]; then
		call systemctl "$action" -- "$1"
	elif [ -d /run/openrc ] && command -v rc-service >/dev/null 2>&1; then
		call rc-service -- "$plain" "$action"
	elif [ -f "/etc/init.d/$plain" ]; then
		control_script "/etc/init.d/$plain"
	else
		control_numbered "$plain"
	fi
}

# control_numbered is for the scripts that the rcS of BusyBox systems runs.
control_numbered() {
	set +f
	set -- "$1" /etc/init.d/S??"$1"
	set -f
	[ $# -eq 2 ] || fail 1 "$1: more than one script of that name in /etc/init.d, say which"
	[ -f "$2" ] || fail 3 "$1: no such service: there is neither /etc/init.d/$1 nor /etc/init.d/S??$1"
	control_script "$2"
}

control_script() {
	[ -x "$1" ] || fail 1 "$1 is not executable: the service is switched off"
	call "$1" "$action"
}

action=${0##*/}
action=${action%%[!a-z]*}
case $action in
start | stop | restart) ;;
*) fail 2 "the name of this file must begin with start-, stop- or restart-" ;;
esac
[ $# -ge 1 ] || fail 2 "want RUNASUSER and names of services, got nothing"
shift
# Several names come in one argument, as the managed templates send them.
# shellcheck disable=SC2086,SC2048
set -- $*
[ $# -ge 1 ] || fail 2 "want at least one name of a service"
for name in "$@"; do check_name "$name"; done

# A service is no part of the step: it must not be taken for a remainder of it.
unset JOBBOX_JOB_ID JOBBOX_STEP JOBBOX_ATTEMPT JOBBOX_HANDLER_DIR
for name in "$@"; do
	echo "$action $name"
	control "$name"
	status=$?
	[ "$status" -eq 0 ] || fail 1 "$action $name: exit status $status"
done
