#!/bin/sh
# Prints what each binary of `make cross` weighs, plain and as xz packs it, and
# fails where one is over its limit. The argument is their directory.
set -eu
dir=$1
limit_arm7=6500000

printf '%-10s %10s %10s\n' core bytes 'xz -9e'
status=0
for file in "$dir"/jobbox-linux-*; do
	core=${file##*-linux-}
	bytes=$(stat -c %s "$file")
	printf '%-10s %10d %10d\n' "$core" "$bytes" "$(xz -9e -c "$file" | wc -c)"
	if [ "$core" = arm7 ] && [ "$bytes" -gt "$limit_arm7" ]; then
		echo "$core: $bytes bytes are over the limit of $limit_arm7" >&2
		status=1
	fi
done
exit $status
