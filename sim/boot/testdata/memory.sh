#!/bin/sh
# What the agent takes and what the machine has left, in KiB.
read -r agent </var/run/jobbox.pid
sed -n 's/^\(VmHWM\|VmRSS\|RssAnon\|RssFile\|RssShmem\):[^0-9]*\([0-9]*\).*/\1=\2/p' "/proc/$agent/status"
sed -n 's/^\(MemTotal\|MemAvailable\):[^0-9]*\([0-9]*\).*/\1=\2/p' /proc/meminfo
echo "runner=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$PPID/status")"
