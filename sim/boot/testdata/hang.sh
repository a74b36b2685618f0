#!/bin/sh
# Makes the agent hang, and waits until another has taken its place.
read -r hung _ </run/jobbox/connected
kill -STOP "$hung"
until read -r pid _ </run/jobbox/connected && [ "$pid" != "$hung" ]; do
	sleep 1
done
echo "attempt $JOBBOX_ATTEMPT outlived $hung"
