#!/bin/sh
# update-jobbox.sh RUNASUSER URL SHA256 [SECONDS]
#
# Replaces jobbox itself by the binary at URL, which must have that SHA-256. The
# new one has SECONDS (default 120, 1 to 3600) to connect; else the old one
# comes back and the job fails. Until it has connected it only lies over the old
# one (a bind mount): a power cut brings the old one back, too. Where nothing can
# be mounted, it takes the old one's place and the old one is kept beside it.
# Needs root, and "jobbox fetch".
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
# same program, and this handler's parent.
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

# service asks the init system. Status 3 says that it knows no jobbox: then
# something else keeps the agent running, and starts it again when it ends.
service() {
	sh -c "$2" "$1-services.sh" '' jobbox 2>&1
}

# swap stops the agent, calls $1 to change what the binary's name stands for,
# and starts the agent. $2 is the file that the agent to be stopped runs from.
swap() {
	service stop "$stop_script"
	supervised=$?
	pids=$(agents "$2")
	"$1"
	if [ "$supervised" -eq 3 ]; then
		for pid in $pids; do kill -TERM "$pid"; done
	else
		service start "$start_script"
	fi
}

# put leaves in $trial how it went about it: mount, rename, or none.
put() {
	if mount --bind "$new" "$bin" 2>/dev/null; then
		trial=mount
	elif keep_old && mv -f "$new" "$bin"; then
		trial=rename
		sync
	fi
}

keep_old() {
	ln -f "$bin" "$old" 2>/dev/null || cp -p "$bin" "$old"
}

take_back() {
	case $trial in
	mount) umount -l "$bin" ;;
	rename) mv -f "$old" "$bin" && sync ;;
	esac
}

# make_last ends the trial: from here on the new one starts with the machine.
make_last() {
	[ "$trial" = mount ] || return 0
	umount -l "$bin" && keep_old && sync && mv -f "$new" "$bin" && sync
}

# connected is whether an agent that runs from the new file holds a connection.
connected() {
	answer=$("$bin" status --connected 2>/dev/null) || return 1
	pid=${answer##*pid }
	[ "/proc/${pid%%[!0-9]*}/exe" -ef "$bin" ]
}

fall_back() {
	trap '' HUP INT TERM
	echo "the new one did not connect: the old one comes back"
	swap take_back "$bin"
	rm -f "$new"
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

bin=$(command -v jobbox) || fail 3 "there is no jobbox in $PATH"
bin=$(readlink -f "$bin")
new=$bin.new
old=$bin.old
if [ "$(sum_of "$bin")" = "$sum" ]; then
	rm -f "$new"
	echo "$bin is that one already"
	exit 0
fi
"$bin" status --connected >/dev/null 2>&1
[ $? -le 1 ] || fail 3 "this jobbox cannot tell whether it is connected, so a bad one could not be told from a good one"
start_script=$("$bin" handlers show start-services.sh) || fail 3 "this jobbox has no handler to start it by"
stop_script=$("$bin" handlers show stop-services.sh) || fail 3 "this jobbox has no handler to stop it by"

if [ -r /etc/jobbox/download.env ]; then
	set -a
	# shellcheck source=/dev/null
	. /etc/jobbox/download.env
	set +a
fi
"$bin" fetch --sha256 "$sum" -- "$url" "$new" || fail 1 "the new binary could not be downloaded"
trap 'rm -f "$new"' EXIT
chmod 755 "$new" || fail 1 "$new cannot be made executable"
version=$("$new" version 2>&1) || fail 1 "the new binary does not run on this device"
printf 'new: %s\n' "$version"
if "$bin" check >/dev/null 2>&1; then
	"$new" check >/dev/null 2>&1 || fail 1 "the new binary refuses this device's configuration"
fi

trial=none
trap 'fall_back; exit 1' HUP INT TERM
swap put "$bin"
[ "$trial" != none ] || fail 1 "$bin could not be replaced, it is the old one still"
while ! connected; do
	if [ "$seconds" -le 0 ]; then
		fall_back
		fail 1 "the new binary did not connect in time, $bin is the old one again"
	fi
	sleep 1
	seconds=$((seconds - 1))
done
trap '' HUP INT TERM
make_last || fail 1 "the new binary is connected, but could not be put in place for good"
echo "$bin is new, and connected; the one before is $old"
