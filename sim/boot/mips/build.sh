#!/bin/sh
# Builds what a big-endian MIPS machine boots, for which Debian has sources but
# no packages: a kernel with little in it, and a static BusyBox. The argument is
# the directory to make; one that is there is left alone. A quarter of an hour.
set -eu
mkdir -p "$(dirname "$1")"
root=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
if [ -d "$root" ]; then
	exit 0
fi
cd "$(dirname "$0")"
config=$PWD/kernel.config
../../../scripts/install-deps.sh mips

work=$(cd "$(dirname "$root")" && mktemp -d "$PWD/build-mips-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
jobs=$(nproc)
export CROSS_COMPILE=mips-linux-gnu-

# make_quietly LOG ARGUMENT...: make, whose output is shown when it fails.
make_quietly() {
	log=$1
	shift
	nice -n 10 make -s -j "$jobs" "$@" >"$log" 2>&1 || {
		tail -n 30 "$log" >&2
		exit 1
	}
}

# Every line of kernel.config must have come through, or the kernel lacks a thing
# that it says it needs.
check_config() {
	grep '^CONFIG' "$config" | while read -r line; do
		grep -qx "$line" "$1" || {
			echo "kernel.config: $line is not in $1: another option that it depends on is off" >&2
			exit 1
		}
	done
}

build_kernel() {
	set -- /usr/src/linux-source-*.tar.xz
	[ $# = 1 ] || {
		echo "want one linux-source package, found $*" >&2
		exit 1
	}
	echo "kernel: $(basename "$1" .tar.xz)"
	mkdir "$work/linux" "$work/o"
	tar -C "$work/linux" --strip-components=1 -xf "$1"
	set -- -C "$work/linux" ARCH=mips "O=$work/o"
	make_quietly "$work/config.log" "$@" "KCONFIG_ALLCONFIG=$config" allnoconfig
	check_config "$work/o/.config"
	make_quietly "$work/kernel.log" "$@" vmlinux
	version=$(make -s "$@" kernelrelease)
	mkdir -p "$work/tree/boot" "$work/tree/lib/modules/$version"
	: >"$work/tree/lib/modules/$version/modules.dep" # all that it needs is in it
	"${CROSS_COMPILE}strip" -o "$work/tree/boot/vmlinux-$version" "$work/o/vmlinux"
}

# The source package of this machine's own release, whose sums apt has checked. Its
# state is its own: no list of this machine is changed.
fetch_busybox() {
	# shellcheck disable=SC1091
	suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
	# shellcheck disable=SC2016 # apt's placeholders
	site=$(apt-get indextargets --format '$(SITE)' "Codename: $suite" | head -n 1)
	mkdir -p "$work/apt/lists/partial"
	echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site $suite main" >"$work/apt/sources.list"
	set -- -qq -o "Dir::Etc::sourcelist=$work/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o "Dir::State::lists=$work/apt/lists" -o "Dir::Cache=$work/apt" -o APT::Sandbox::User=root -o Acquire::Retries=3
	apt-get "$@" update
	(cd "$work/apt" && apt-get "$@" source --download-only busybox && dpkg-source --no-check --no-copy -x ./*.dsc "$work/busybox" >/dev/null)
}

build_busybox() {
	fetch_busybox
	echo "busybox: $(sed -n '1s/.*(\(.*\)).*/\1/p' "$work/busybox/debian/changelog")"
	cp "$work/busybox/debian/config/pkg/static" "$work/busybox/.config"
	yes '' 2>/dev/null | make_quietly "$work/busybox.log" -C "$work/busybox" oldconfig
	make_quietly "$work/busybox.log" -C "$work/busybox" CONFIG_EXTRA_CFLAGS=-mips32r2 busybox
	mkdir -p "$work/tree/bin"
	cp "$work/busybox/busybox" "$work/tree/bin/busybox"
}

build_kernel
build_busybox
mv "$work/tree" "$root"
