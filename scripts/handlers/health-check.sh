#!/bin/sh
# health-check.sh RUNASUSER ["LIMIT=VALUE ..."] [...]
#
# Prints how the device is, one "key: value" a line, and fails when a limit is
# passed: disk=95 and memory=95 (percent in use), load=0 (percent of all
# processors over 5 minutes, 0 for no limit). mount=DIR, as often as wanted,
# looks at these file systems instead of at all that can be written to.
set -uf
export LC_ALL=C

fail() {
	printf '%s: %s\n' "${0##*/}" "$2" >&2
	exit "$1"
}

printable() { printf '%s' "$1" | tr -c ' -~' '?' | cut -c 1-64; }

disk=95 memory=95 load=0 mounts='' critical=0

set_limit() {
	value=${1#*=}
	case $1 in
	mount=*[[:cntrl:]]*) fail 2 "\"$(printable "$1")\": a control character" ;;
	mount=/*)
		[ -d "$value" ] || fail 2 "mount=$(printable "$value"): no such directory"
		mounts="$mounts $value"
		return
		;;
	esac
	case $value in
	'' | *[!0-9]* | ?????* | 0?*) fail 2 "\"$(printable "$1")\": want LIMIT=NUMBER or mount=/DIRECTORY" ;;
	esac
	case $1 in
	disk=*) disk=$value ;;
	memory=*) memory=$value ;;
	load=*) load=$value ;;
	*) fail 2 "\"$(printable "$1")\": the limits are disk, memory and load" ;;
	esac
}

# over says on standard error what is too much: key, value, limit in percent.
over() {
	[ "$3" -gt 0 ] && [ "$2" -gt "$3" ] || return
	printf '%s: %s: %s%%, the limit is %s%%\n' "${0##*/}" "$1" "$2" "$3" >&2
	critical=1
}

show_system() {
	read -r up _ </proc/uptime
	echo "uptime: ${up%.*} s"
	read -r boot_id </proc/sys/kernel/random/boot_id && echo "boot-id: $boot_id"
	echo "kernel: $(uname -r) $(uname -m)"
}

# The second number of /proc/loadavg, 0.37, in percent of the processors.
show_load() {
	processors=$(grep -c '^processor' /proc/cpuinfo)
	[ "$processors" -gt 0 ] || processors=1
	read -r one five fifteen _ </proc/loadavg
	hundredths=${five%.*}${five#*.}
	hundredths=${hundredths#0}
	hundredths=${hundredths#0}
	percent=$((${hundredths:-0} / processors))
	echo "load: $one $five $fifteen on $processors processors, $percent% over 5 minutes"
	over load "$percent" "$load"
}

# Linux before 3.14 has no MemAvailable.
show_memory() {
	total=0 available='' loose=0
	while read -r key kilobytes _; do
		case $key in
		MemTotal:) total=$kilobytes ;;
		MemAvailable:) available=$kilobytes ;;
		MemFree: | Buffers: | Cached:) loose=$((loose + kilobytes)) ;;
		esac
	done </proc/meminfo
	available=${available:-$loose}
	[ "$total" -gt 0 ] || fail 1 "/proc/meminfo does not tell the size of the memory"
	used=$((100 - available * 100 / total))
	echo "memory: $used% in use, $available of $total kB available"
	over memory "$used" "$memory"
}

# A read-only file system is full by nature, and asking a network one may hang.
writable() {
	while read -r _ dir type options _; do
		case $type:,$options, in
		*,ro,*) ;;
		ext[234]:* | vfat:* | f2fs:* | jffs2:* | ubifs:* | yaffs2:* | btrfs:* | xfs:* | exfat:* | overlay:* | tmpfs:*)
			case $dir in
			/dev/* | /sys/* | /proc/* | *\\*) ;; # a backslash: white space in the name
			*) echo "$dir" ;;
			esac
			;;
		esac
	done </proc/mounts
}

show_disks() {
	for dir in ${mounts:-$(writable)}; do
		line=$(df -P -k -- "$dir" 2>/dev/null | free_and_used)
		case $line in
		*[0-9]' '[0-9]*) ;;
		*) continue ;;
		esac
		printf '%s\n' "disk $dir: ${line#* }% in use, ${line% *} kB available"
		over "disk $dir" "${line#* }" "$disk"
	done
}

# df -P: file system, blocks, used, available, capacity, mounted on
free_and_used() {
	read -r _
	read -r _ _ _ available percent _
	echo "$available ${percent%\%}"
}

# A default route has the destination 00000000 in /proc/net/route.
show_network() {
	set +f
	for dir in /sys/class/net/*; do
		[ "${dir##*/}" != lo ] && read -r state 2>/dev/null <"$dir/operstate" && echo "network ${dir##*/}: $state"
	done
	set -f
	if grep -q '^[^[:space:]]*[[:space:]]00000000' /proc/net/route 2>/dev/null; then
		echo "default-route: yes"
	else
		echo "default-route: none"
	fi
}

show_jobbox() {
	if command -v jobbox >/dev/null 2>&1; then
		echo "jobbox: $(jobbox version 2>&1 | head -n 1)"
	else
		echo "jobbox: not in PATH"
	fi
}

[ $# -eq 0 ] || shift
# Several limits may come in one argument.
# shellcheck disable=SC2048
for limit in $*; do set_limit "$limit"; done
show_system
show_load
show_memory
show_disks
show_network
show_jobbox
[ "$critical" -eq 0 ] || exit 1
echo "health: ok"
