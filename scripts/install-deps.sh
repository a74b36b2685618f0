#!/bin/sh
# Installs the Debian packages that the tests and the demo need and this machine
# lacks; with the argument "mips" also what builds a kernel for that. Nothing is
# asked; without root it names them and fails.
set -eu

missing=

# need PACKAGE TEST...: the package is missing where the test fails.
need() {
	package=$1
	shift
	"$@" >/dev/null 2>&1 || missing="$missing $package"
}

has() {
	PATH=$PATH:/usr/sbin:/sbin command -v "$1"
}

installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1")" = installed ]
}

need git has git
need gcc has gcc
need libc6-dev test -e /usr/include/stdlib.h
need make has make
need file has file
need xz-utils has xz
need ca-certificates test -e /etc/ssl/certs/ca-certificates.crt
need shellcheck has shellcheck
need sudo has sudo
need strace has strace
need mosquitto has mosquitto
need mosquitto-clients has mosquitto_pub
need nodejs has node
need npm has npm
need awscli test -x /usr/bin/aws
need busybox-static installed busybox-static
need squashfs-tools has mksquashfs
need python3 has python3
need systemd has systemd-analyze
need qemu-user-static has qemu-mips-static
need qemu-system-arm has qemu-system-aarch64
need qemu-system-mips has qemu-system-mipsel
need qemu-system-x86 has qemu-system-x86_64
need ipxe-qemu installed ipxe-qemu
if [ "${1-}" = mips ]; then
	need gcc-mips-linux-gnu has mips-linux-gnu-gcc
	need libc6-dev-mips-cross test -e /usr/mips-linux-gnu/include/stdlib.h
	need linux-source installed linux-source
	need dpkg-dev has dpkg-source
	need flex has flex
	need bison has bison
	need bc has bc
	need libssl-dev installed libssl-dev
	need libelf-dev installed libelf-dev
fi

if [ -z "$missing" ]; then
	exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "missing packages; install them first:" >&2
	echo "  apt-get install --no-install-recommends$missing" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt="apt-get -qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3"
$apt update
# shellcheck disable=SC2086 # words, one a package
$apt install -y --no-install-recommends $missing >/dev/null
