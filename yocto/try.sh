#!/bin/sh
# Has a real bitbake parse the layer and build the recipe, each task for each
# machine, as far as that goes without building a cross compiler first: jobbox
# has no C, so the Go of this machine will do. By hand and as an ordinary user:
#
#   yocto/try.sh BITBAKE OPENEMBEDDED-CORE DIST DIRECTORY [MACHINE...]
#
# BITBAKE and OPENEMBEDDED-CORE are checkouts, DIST is where `make dist` has put
# its archives, DIRECTORY is where it works. A line for each binary says what it
# is. Besides what bitbake itself wants (and a locale en_US.UTF-8) this needs Go
# and fakeroot.
set -eu
[ $# -ge 4 ] || {
	sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
	exit 2
}
version=$(cat "$(dirname "$0")/../VERSION")
bitbake=$(cd "$1" && pwd)
core=$(cd "$2" && pwd)
dist=$(cd "$3" && pwd)
mkdir -p "$4"
work=$(cd "$4" && pwd)
shift 4
[ $# != 0 ] || set -- qemuarm qemuarm64 qemumips qemux86-64
goroot=$(go env GOROOT)

export LC_ALL=C.UTF-8 HOME="$work" BBPATH="$work/build" BDIR="$work/build"
PATH=$bitbake/bin:$goroot/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH

# The layer as a release has it, and the archive where bitbake would put it.
prepare() {
	rm -rf "$work/build" "$work/packages"
	mkdir -p "$work/build/conf" "$work/build/downloads" "$work/packages"
	tar -x -C "$work/packages" --strip-components=1 -f "$dist/jobbox-$version-packages.tar.gz"
	layer=$work/packages/yocto/meta-jobbox
	cp "$dist/jobbox-$version.tar.gz" "$work/build/downloads/"
	# pseudo runs a command, or with -S it ends.
	# shellcheck disable=SC2016
	printf '#!/bin/sh\n[ "$1" = -S ] || exec "$@"\n' >"$work/no-pseudo"
	# A task has a name space of its own, in which there is no root to chown to.
	printf '#!/bin/sh\nFAKEROOTDONTTRYCHOWN=1 exec %s -- "$@"\n' "$(command -v fakeroot)" >"$work/fakeroot"
	chmod 755 "$work/no-pseudo" "$work/fakeroot"
	cat >"$work/build/conf/bblayers.conf" <<EOF
BBPATH = "\${TOPDIR}"
BBFILES ?= ""
BBLAYERS ?= "$core/meta $layer"
EOF
	cat >"$work/build/conf/local.conf" <<EOF
CONF_VERSION = "2"
BB_NO_NETWORK = "1"
INIT_MANAGER = "$1"
GO:pn-jobbox = "$goroot/bin/go"
GOROOT:pn-jobbox = "$goroot"
GOTOOLDIR:pn-jobbox = "$(go env GOTOOLDIR)"
GOCACHE:pn-jobbox = "$work/go-cache"
# This machine's fakeroot, a function at a time, in place of the pseudo that would
# be built first.
FAKEROOT = "$work/fakeroot"
FAKEROOTCMD = "$work/no-pseudo"
FAKEROOTENV = ""
FAKEROOTDIRS = ""
# These look for tools and downloads that building everything else would need.
INHERIT:remove = "sanity uninative"
EOF
}

# of MACHINE COMMAND...: bitbake for that machine, which has to be known before
# anything is parsed.
of() {
	echo "MACHINE = \"$1\"" >"$work/$1.conf"
	pre=$work/$1.conf
	shift
	(cd "$work/build" && bitbake -r "$pre" "$@")
}

# variables MACHINE: what matters of the recipe, as bitbake has it.
variables() {
	of "$1" -e jobbox >"$work/$1.variables"
	grep -E '^(LICENSE|PACKAGES|JOBBOX_CORE|INITSCRIPT_PARAMS|SYSTEMD_AUTO_ENABLE|CONFFILES_?:?jobbox|FILES:jobbox-handlers)=' "$work/$1.variables"
}

# build MACHINE: the tasks of this recipe alone, and what came of them.
build() {
	for task in compile compile_ptest_base install install_ptest_base; do
		of "$1" -b "$layer"/recipes-core/jobbox/*.bb -c "$task"
	done
	image=$(sed -n 's/^D="\(.*\)"/\1/p' "$work/$1.variables")
	file "$image/usr/bin/jobbox"
	(cd "$image" && find . ! -type d | sort)
}

prepare sysvinit
of "$1" -p
for machine; do
	echo "== $machine"
	variables "$machine"
	build "$machine"
done
prepare systemd
echo "== $1 with systemd"
of "$1" -p
variables "$1"
build "$1"
