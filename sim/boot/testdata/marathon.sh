#!/bin/sh
# Goes on until the power is cut, and ends well the next time.
echo "marathon: attempt $JOBBOX_ATTEMPT" >/dev/console
[ "$JOBBOX_ATTEMPT" -gt 1 ] && exit 0
while :; do
	sleep 3600
done
