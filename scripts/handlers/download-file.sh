#!/bin/sh
# download-file.sh RUNASUSER URL FILE [SHA256]
#
# Downloads URL to FILE, by "jobbox fetch" where it can be found (verified
# HTTPS, taken up again where it broke off), else by curl or wget. FILE is
# replaced once all of it is there, and has that SHA-256 where one is given.
# A presigned URL is a secret: it is never printed.
#
# Steps see nothing of the agent's environment, so a proxy or other authorities
# than the system's are set in /etc/jobbox/download.env: https_proxy=...,
# SSL_CERT_FILE=...
set -uf
export LC_ALL=C

fail() {
	printf '%s: %s\n' "${0##*/}" "$2" >&2
	exit "$1"
}

# BusyBox's shell may take its own applet wget, which verifies no certificate,
# for a fuller one in PATH.
in_path() (
	IFS=:
	for dir in $PATH; do
		[ -f "$dir/$1" ] && [ -x "$dir/$1" ] && printf '%s\n' "$dir/$1" && return
	done
	return 1
)

can_fetch() { "$1" fetch --help >/dev/null 2>&1; }

# jobbox need not be in PATH: this handler's parent is it.
find_jobbox() {
	if found=$(in_path jobbox) && can_fetch "$found"; then
		printf '%s\n' "$found"
		return
	fi
	case $(readlink "/proc/$PPID/exe" 2>/dev/null) in
	*/jobbox | */jobbox[-_]* | */jobbox\ * | */aws-iot-device-client | */aws-iot-device-client\ *) ;;
	*) return 1 ;;
	esac
	can_fetch "/proc/$PPID/exe" && printf '%s\n' "/proc/$PPID/exe"
}

# by_other_means leaves the file in a directory of its own until it is whole, and
# works from within that: who owns the directory around it can give its name to
# something else, but cannot get into it.
by_other_means() {
	[ -d "$file" ] && fail 1 "$file is a directory"
	find_transfer
	case $file in
	/*) ;;
	*) file=$(pwd)/$file ;;
	esac
	enter_private || fail 1 "download to $file failed: no directory could be made beside it"
	trap 'rm -f part; cd / && rmdir "$room" 2>/dev/null' EXIT
	trap 'exit 1' HUP INT TERM
	transfer || fail 1 "download to $file failed, exit status $?"
	[ -z "$sum" ] || verify
	[ ! -f "$file" ] || keep_mode
	sync
	mv -f part "$file" || fail 1 "$file could not be put in place"
}

# keep_mode gives the new file the permissions of the old one, but for set-user-ID
# and the like. (OpenWrt's BusyBox has no stat.)
keep_mode() {
	# shellcheck disable=SC2012,SC2020 # of the one line, its first word
	set -- "$(ls -ld -- "$file" | tr 'sStT' 'x-x-')"
	bits() { printf '%s' "$1" | cut -c "$2" | tr -d -; }
	chmod "u=$(bits "$1" 2-4),g=$(bits "$1" 5-7),o=$(bits "$1" 8-10)" part
}

enter_private() { room=$(mktemp -d "$file.part.XXXXXX" 2>/dev/null) && cd "$room" && [ -O . ]; }

find_transfer() {
	curl=$(in_path curl) && return
	wget=$(in_path wget) || fail 3 "nothing here can fetch: looked for jobbox, curl and wget in $PATH"
	[ "${url%%:*}" = http ] || verifies "$wget" ||
		fail 3 "nothing here can fetch https: no jobbox fetch, no curl, and $wget does not verify certificates"
}

# transfer gives up on a silent connection (a wget after 15 minutes, if by itself:
# Debian's BusyBox crashes on being told another time), and never goes
# on from HTTPS to HTTP. To curl the URL is no pattern (-g).
transfer() {
	if [ -n "$curl" ]; then
		"$curl" -gfsSL --proto "=http,https" --proto-redir "=${url%%:*},https" --retry 3 \
			--connect-timeout 60 --speed-limit 1 --speed-time 60 -o part -- "$url" 2>&1
	elif [ "${url%%:*}" = http ]; then
		"$wget" -q -O part -- "$url" 2>&1
	else
		"$wget" -q -T 60 --max-redirect=0 -O part -- "$url" 2>&1
	fi
}

# BusyBox's wget is not among those.
verifies() {
	case $("$1" --version 2>/dev/null) in
	*"GNU Wget"*+https* | *"GNU Wget"*+ssl*) return 0 ;;
	esac
	return 1
}

verify() {
	got=$(sha256sum <part) || fail 3 "sha256sum is missing, so the file cannot be checked"
	[ "${got%% *}" = "$sum" ] || fail 1 "the file has the SHA-256 ${got%% *}, not $sum"
}

[ $# -eq 3 ] || [ $# -eq 4 ] || fail 2 "want RUNASUSER URL FILE [SHA256], got $# arguments"
url=$2
file=$3
sum=$(printf '%s' "${4:-}" | tr 'A-F' 'a-f')
case $url in
*[!!-~]*) fail 2 "the URL holds a space or a character that belongs in %XX" ;;
http://?* | https://?*) ;;
*) fail 2 "the URL must begin with http:// or https://" ;;
esac
case $file in
'') fail 2 "the name of the file is empty" ;;
-*) fail 2 "the name of the file begins with a dash: write ./ before it" ;;
*[[:cntrl:]]*) fail 2 "the name of the file holds a control character" ;;
*/) fail 2 "$file names a directory, want a file" ;;
esac
case $sum in
'') ;;
*[!0-9a-f]*) fail 2 "the SHA-256 holds something else than hexadecimal digits" ;;
*) [ ${#sum} -eq 64 ] || fail 2 "a SHA-256 has 64 hexadecimal digits, got ${#sum}" ;;
esac

if [ -r /etc/jobbox/download.env ]; then
	set -a
	# shellcheck source=/dev/null
	. /etc/jobbox/download.env
	set +a
fi
if jobbox=$(find_jobbox); then
	set -- fetch
	[ -z "$sum" ] || set -- "$@" --sha256 "$sum"
	exec "$jobbox" "$@" -- "$url" "$file"
fi
by_other_means
echo "$file: downloaded"
