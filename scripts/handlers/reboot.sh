#!/bin/sh
# reboot.sh RUNASUSER
#
# Restarts the machine. The job succeeds only in the next boot: exit status 194
# asks jobbox to note the step down, to reboot (jobs.reboot-command), and to run
# this file again once the kernel's boot id has changed. As jobbox does the
# rebooting, this runs as any user.
set -uf

id_file=/proc/sys/kernel/random/boot_id
note=/run/jobbox-reboot

boot_id=
[ -r "$id_file" ] && read -r boot_id <"$id_file"
this="${JOBBOX_JOB_ID:-} ${JOBBOX_STEP:-} $boot_id"

# A second attempt may come of three things: the reboot that was asked for; a
# power cut, which is one too; or the end of jobbox's runner alone, which is
# none. The note tells the last from the others: it names the boot that wrote
# it. Only root can leave it; without it the attempt's number has to do.
asked_in_this_boot() {
	[ -f "$note" ] && read -r noted <"$note" && [ "$noted" = "$this" ]
}

if [ "${JOBBOX_ATTEMPT:-1}" -gt 1 ] && ! asked_in_this_boot; then
	rm -f "$note" 2>/dev/null
	echo "restarted, boot id $boot_id"
	exit 0
fi
(rm -f "$note" && umask 077 && set -C && printf '%s\n' "$this" >"$note") 2>/dev/null
echo "restarting, boot id until now $boot_id"
exit 194
