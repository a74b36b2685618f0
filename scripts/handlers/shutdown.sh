#!/bin/sh
# shutdown.sh RUNASUSER [SECONDS]
#
# Powers the machine off SECONDS (default 10, 1 to 3600) after this handler has
# ended, so that the result leaves first; where it does not, jobbox delivers it
# after the next start. Make it the last step of a job. Needs root.
set -uf

fail() {
	printf '%s: %s\n' "${0##*/}" "$2" >&2
	exit "$1"
}

in_path() (
	IFS=:
	for dir in $PATH; do
		[ -f "$dir/$1" ] && [ -x "$dir/$1" ] && printf '%s\n' "$dir/$1" && return
	done
	return 1
)

[ $# -ge 1 ] || fail 2 "want RUNASUSER [SECONDS], got nothing"
[ $# -le 2 ] || fail 2 "want RUNASUSER [SECONDS], got $# arguments"
delay=${2:-10}
case $delay in
*[!0-9]* | ?????* | 0*) fail 2 "seconds: want a whole number from 1 to 3600" ;;
esac
[ "$delay" -le 3600 ] || fail 2 "seconds: want at most 3600, got $delay"

# The device has been off, or has lost its power, if this runs again: whoever
# has switched it on wants it on. Only the same boot (jobbox's runner was ended)
# leaves the note in place; see reboot.sh.
id_file=/proc/sys/kernel/random/boot_id
note=/run/jobbox-shutdown
boot_id=
[ -r "$id_file" ] && read -r boot_id <"$id_file"
this="${JOBBOX_JOB_ID:-} ${JOBBOX_STEP:-} $boot_id"
noted=
[ -f "$note" ] && read -r noted <"$note"
if [ "${JOBBOX_ATTEMPT:-1}" -gt 1 ] && [ "$noted" != "$this" ]; then
	rm -f "$note" 2>/dev/null
	echo "has been down, boot id now $boot_id"
	exit 0
fi

[ "$(id -u)" = 0 ] || fail 1 "only root can power the machine off: leave runAsUser empty or say root"
if program=$(in_path poweroff); then
	set -- "$program"
elif program=$(in_path shutdown); then
	set -- "$program" -h now
else
	fail 3 "neither poweroff nor shutdown is in PATH"
fi
(rm -f "$note" && umask 077 && set -C && printf '%s\n' "$this" >"$note") 2>/dev/null

# Not a part of the step any more, by what jobbox goes by: its environment and
# its output.
unset JOBBOX_JOB_ID JOBBOX_STEP JOBBOX_ATTEMPT JOBBOX_HANDLER_DIR
(
	sleep "$delay"
	exec "$@"
) </dev/null >/dev/null 2>&1 &
kill -0 "$!" 2>/dev/null || fail 1 "$1 could not be scheduled"
echo "$1 in $delay s"
