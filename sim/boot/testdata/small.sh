#!/bin/sh
# Starts the program where the kernel has no 32 MiB left to promise: as on a
# device with less memory than that, whose kernel refuses what it cannot hold.
vm=/proc/sys/vm
promised=$(sed -n 's/^Committed_AS: *\([0-9]*\) .*/\1/p' /proc/meminfo)
echo $((promised + 20000)) >$vm/overcommit_kbytes
echo 2 >$vm/overcommit_memory
if dd if=/dev/zero of=/dev/null bs=32M count=1 2>/dev/null; then
	refused=no
else
	refused=yes
fi
jobbox version
status=$?
echo 0 >$vm/overcommit_memory
echo "32 MiB refused: $refused"
[ "$refused" = yes ] && exit "$status"
