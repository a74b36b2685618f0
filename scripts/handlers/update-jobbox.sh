#!/bin/sh
# update-jobbox.sh RUNASUSER URL SHA256 [SECONDS]
#
# Replaces jobbox itself by the binary at URL, which must have that SHA-256. The
# new one has SECONDS (default 120, 1 to 3600) to connect, and has then to stay
# connected for another 15, or SECONDS where that is less; else the old one comes
# back and the job fails. Until then the new one only lies over the old one (a
# bind mount): a power cut brings the old one back, too. Needs root, and
# "jobbox fetch".
#
# Two processes do it. This one is the step. The trial, the same script in a
# session of its own, exchanges the binaries: where the step is ended, for
# whatever reason, the trial sees it and takes the new one back.
# shellcheck disable=SC3013 # -ef: BusyBox, dash, bash and ksh have it
set -uf
export LC_ALL=C

fail() {
	printf '%s: %s\n' "${0##*/}" "$2" >&2
	exit "$1"
}

sum_of() {
	set -- "$(sha256sum <"$1")"
	printf '%s\n' "${1%% *}"
}

# agents prints the pids of the agents that run from a file. The runner is the
# same program, and the parent of steps.
agents() {
	set +f
	for process in /proc/[0-9]*; do
		[ "$process/exe" -ef "$1" ] || continue
		case $({ tr '\0' ' ' <"$process/cmdline"; } 2>/dev/null) in
		*jobbox-runner*) ;;
		*" agent "* | *aws-iot-device-client*) printf '%s\n' "${process#/proc/}" ;;
		esac
	done
	set -f
}

# as_agent PROGRAM APPLET [OPTION] calls jobbox with the agent's own options and
# environment.
as_agent() {
	{
		cat "$dir/environ"
		# shellcheck disable=SC2016 # expanded by the inner shell
		printf '%s\0' sh -c 'echo $$ >"$0"
			program=$1 applet=$2 option=$3
			shift 4
			[ "${1-}" != agent ] || shift
			exec "$program" "$applet" $option "$@"' "$dir/asked" "$1" "$2" "${3-}"
		cat "$dir/cmdline"
	} | xargs -0 env -i
}

# within SECONDS COMMAND...: its status, or a failure where it takes longer. What
# as_agent runs is ended by the number that it has noted.
within() {
	limit=$1
	shift
	rm -f "$dir/asked"
	"$@" &
	while kill -0 "$!" 2>/dev/null; do
		# shellcheck disable=SC2046 # one, or none
		[ "$limit" -gt 0 ] || kill -KILL "$!" $(cat "$dir/asked" 2>/dev/null) 2>/dev/null
		sleep 1
		limit=$((limit - 1))
	done
	wait "$!"
}

# service asks the init system, by the handlers of the old binary. Status 3 says
# that it knows no jobbox: then something else keeps the agent running, and
# starts it again when it ends.
service() { sh "$dir/$1-services.sh" '' jobbox 2>&1; }

# end ends processes: one that does not listen must not stay.
end() {
	for pid in "$@"; do kill -TERM "$pid" 2>/dev/null; done
	tries=10
	for pid in "$@"; do
		while kill -0 "$pid" 2>/dev/null && [ "$tries" -gt 0 ]; do
			sleep 1
			tries=$((tries - 1))
		done
		kill -KILL "$pid" 2>/dev/null
	done
}

# revive starts the agent as it was started, where nobody else has in 10 s.
revive() {
	tries=10
	while [ -z "$(agents "$bin")" ]; do
		if [ "$tries" -eq 0 ]; then
			echo "nothing has started the agent: it is started by hand"
			# shellcheck disable=SC2016
			cat "$dir/environ" "$dir/cmdline" | xargs -0 sh -c '"$@" </dev/null >/dev/null 2>&1 &' sh env -i
			return
		fi
		sleep 1
		tries=$((tries - 1))
	done
}

# swap stops the agents that run from the binary or the new one, calls $1 to change
# what the binary's name stands for, and sees to it that an agent runs.
swap() {
	service stop
	known=$?
	old_agents=$(
		agents "$bin"
		agents "$new"
	)
	# Whatever starts the next one may do so at once.
	[ "$known" -ne 3 ] || "$1"
	# shellcheck disable=SC2086 # one a line
	end $old_agents
	if [ "$known" -ne 3 ]; then
		"$1"
		service start
	fi
	revive
}

# mounted is whether something lies over the binary.
mounted() {
	while read -r _ _ _ _ point _; do
		[ "$point" != "$bin" ] || return 0
	done </proc/self/mountinfo
	return 1
}

put() { mount --bind "$new" "$bin"; }

take_off() { ! mounted || umount -l "$bin"; }

# make_last ends the trial: from here on the new one starts with the machine.
make_last() {
	take_off && { ln -f "$bin" "$old" 2>/dev/null || cp -p "$bin" "$old"; } &&
		sync && mv -f "$new" "$bin" && sync
}

# ask leaves in $answer what the binary says of the agent's connection. Status 137:
# it says nothing.
ask() {
	within 30 as_agent "$bin" status --connected >"$dir/answer" 2>/dev/null
	asked=$?
	answer=$(cat "$dir/answer")
	return "$asked"
}

# connected leaves in $pid the agent that runs from the new file, and is whether
# that one holds a connection.
connected() {
	ask || return 1
	pid=${answer##*pid }
	pid=${pid%%[!0-9]*}
	[ "/proc/$pid/exe" -ef "$bin" ]
}

# holds is whether one agent has been seen connected, and again and again after
# that: one that connects and dies is no good.
holds() {
	if ! connected; then
		held=-1
	elif [ "$pid" != "$holder" ]; then
		held=0
		holder=$pid
	else
		held=$((held + 1))
	fi
	[ "$held" -ge "$hold" ]
}

# try is whether the new one is any good. The step may be gone before that is
# known. (A turn takes a second, which it takes to ask.)
try() {
	held=-1 holder='' hold=15
	[ "$seconds" -ge "$hold" ] || hold=$seconds
	until holds; do
		kill -0 "$step" 2>/dev/null && [ "$asked" -ne 137 ] || return 1
		# It may be in the middle of its time to hold, but not again and again.
		[ "$seconds" -gt 0 ] || { [ "$held" -ge 0 ] && [ "$seconds" -gt $((-4 * hold)) ]; } || return 1
		seconds=$((seconds - 1))
	done
}

# trial leaves in $dir/outcome an exit status and what there is to say.
trial() {
	trap : HUP INT TERM PIPE # not '': the agent would inherit that
	cd /
	echo $$ >"$dir/pid.new" && mv -f "$dir/pid.new" "$dir/pid"
	swap put
	if ! [ "$bin" -ef "$new" ]; then
		set -- 1 "$bin could not be replaced, it is the old one still"
	elif ! try; then
		set -- 1 "the new binary did not connect in time, or not for long: $bin is the old one again"
	elif ! make_last; then
		set -- 1 "the new binary is connected, but there is no place for it: $bin is the old one still"
	else
		set -- 0 "$bin is new, and connected; the one before is $old"
	fi
	[ "$1" -eq 0 ] || swap take_off
	rm -f "$new"
	printf '%s %s\n' "$1" "$2" >"$dir/outcome.new" && mv -f "$dir/outcome.new" "$dir/outcome"
}

# trial_runs is whether there is one, of this step or of one before.
trial_runs() {
	[ -f "$dir/pid" ] && [ ! -f "$dir/outcome" ] && read -r pid <"$dir/pid" && kill -0 "$pid" 2>/dev/null || return 1
	case $({ tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null) in
	*update-jobbox.sh* | '') ;;
	*) return 1 ;; # another's number by now
	esac
}

# await_others waits for a trial whose step is gone: it is about to end. What one
# that was killed has left, over the binary or running, is taken back.
await_others() {
	tries=120
	while trial_runs; do
		[ "$tries" -gt 0 ] || fail 1 "another update is on trial"
		sleep 1
		tries=$((tries - 1))
	done
	mounted || [ -n "$(agents "$new")" ] || return 0
	[ -f "$dir/cmdline" ] && swap take_off
	! mounted || fail 1 "something is mounted over $bin: unmount it, or restart the machine"
}

# start_trial has this script go on in another session, with nothing by which
# jobbox would take it for a part of the step.
start_trial() (
	unset JOBBOX_JOB_ID JOBBOX_STEP JOBBOX_ATTEMPT JOBBOX_HANDLER_DIR
	UPDATE_JOBBOX_STEP=$$ setsid sh "$dir/update-jobbox.sh" "$@" </dev/null >"$dir/log" 2>&1 &
	echo "$!" >"$dir/pid"
)

# judge_trial ends as the trial has ended.
judge_trial() {
	while trial_runs; do sleep 1; done
	cat "$dir/log"
	if [ ! -f "$dir/outcome" ]; then
		swap take_off
		rm -f "$new"
		if [ "$(sum_of "$bin")" = "$sum" ]; then
			echo "$bin is new; the one before is $old"
			exit 0
		fi
		fail 1 "the trial was ended from outside: $bin is the old one again"
	fi
	read -r status text <"$dir/outcome"
	[ "$status" -eq 0 ] || fail "$status" "$text"
	echo "$text"
}

# find_agent notes how the agent was started, once it is connected: a new one has
# to be that, too.
find_agent() {
	agent=$(agents "$bin")
	agent=${agent%%[!0-9]*}
	[ -n "$agent" ] || fail 3 "no agent runs from $bin"
	if ! cat "/proc/$agent/environ" >"$dir/environ" || ! cat "/proc/$agent/cmdline" >"$dir/cmdline"; then
		fail 1 "the agent, process $agent, has ended"
	fi
	as_agent "$bin" check >/dev/null 2>&1 || fail 1 "this device's configuration has a mistake, with which no agent would start: see jobbox check"
	tries=30
	until ask; do
		[ "$answer" = "not connected" ] || fail 3 "this jobbox cannot tell whether it is connected, so a bad one could not be told from a good one"
		[ "$tries" -gt 0 ] || fail 1 "the agent is not connected, so a new one could not be told from a bad one"
		tries=$((tries - 1))
	done
	for name in start stop; do
		"$bin" handlers show "$name-services.sh" >"$dir/$name-services.sh" || fail 3 "this jobbox has no handler to $name it by"
	done
}

# fetch has a proxy and authorities of its own.
fetch() (
	if [ -r /etc/jobbox/download.env ]; then
		set -a
		# shellcheck source=/dev/null
		. /etc/jobbox/download.env
		set +a
	fi
	exec "$bin" fetch --sha256 "$sum" -- "$url" "$new"
)

# download leaves the new binary beside the old one, if it is one.
download() {
	trap 'rm -f "$new"' EXIT
	trap 'exit 1' HUP INT TERM
	fetch || fail 1 "the new binary could not be downloaded"
	chmod 755 "$new" || fail 1 "$new cannot be made executable"
	within 60 "$new" version >"$dir/answer" 2>&1 || fail 1 "the new binary does not run on this device"
	printf 'new: %s\n' "$(cat "$dir/answer")"
	within 60 as_agent "$new" check >/dev/null 2>&1 || fail 1 "the new binary refuses this device's configuration"
	if ! mount --bind "$new" "$new" 2>/dev/null || ! umount "$new"; then
		fail 3 "nothing can be mounted here, so that a power cut could leave a bad binary in place"
	fi
}

[ $# -eq 3 ] || [ $# -eq 4 ] || fail 2 "want RUNASUSER URL SHA256 [SECONDS], got $# arguments"
url=$2
sum=$(printf '%s' "$3" | tr 'A-F' 'a-f')
seconds=${4:-120}
case $sum in
*[!0-9a-f]* | '') fail 2 "the SHA-256 must be 64 hexadecimal digits" ;;
esac
[ ${#sum} -eq 64 ] || fail 2 "the SHA-256 must be 64 hexadecimal digits, got ${#sum}"
case $seconds in
'' | *[!0-9]* | ?????* | 0*) fail 2 "seconds: want a whole number from 1 to 3600" ;;
esac
[ "$seconds" -le 3600 ] || fail 2 "seconds: want at most 3600, got $seconds"
case $url in
*[!!-~]*) fail 2 "the URL holds a space or a character that belongs in %XX" ;;
http://?* | https://?*) ;;
*) fail 2 "the URL must begin with http:// or https://" ;;
esac
[ "$(id -u)" = 0 ] || fail 1 "only root can replace jobbox: leave runAsUser empty or say root"

for command in setsid xargs; do
	command -v "$command" >/dev/null || fail 3 "there is no $command in $PATH"
done
bin=$(command -v jobbox) || fail 3 "there is no jobbox in $PATH"
bin=$(readlink -f "$bin")
new=$bin.new
old=$bin.old
step=${UPDATE_JOBBOX_STEP:-}
if [ -n "$step" ]; then
	unset UPDATE_JOBBOX_STEP
	dir=${0%/*}
	trial
	exit
fi

dir=/run/jobbox-update
[ -d /run ] || dir=/var$dir
mkdir -m 0700 "$dir" 2>/dev/null
if [ ! -d "$dir" ] || [ -L "$dir" ] || [ ! -O "$dir" ]; then
	fail 1 "$dir is not a directory of root's"
fi
await_others
if [ "$(sum_of "$bin")" = "$sum" ]; then
	rm -f "$new"
	echo "$bin is that one already"
	exit 0
fi
find_agent
download
rm -f "$dir/outcome" "$dir/pid"
cp "$0" "$dir/update-jobbox.sh" || fail 1 "$dir cannot be written to"
trap - EXIT HUP INT TERM
start_trial "$@"
judge_trial
