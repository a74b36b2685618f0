SUMMARY = "The device side of AWS IoT Jobs"
DESCRIPTION = "Takes jobs from AWS IoT, runs their steps and reports how they went: \
one static file, no shell, no sudo, no libraries."
HOMEPAGE = "https://jobbox.example"
SECTION = "net"
# As each series writes it: 6.0 knows "&" alone, later ones want SPDX.
JOBBOX_AND = "${@'AND' if hasattr(oe.license, 'parse_legacy_license') else '&'}"
LICENSE = "Apache-2.0 ${JOBBOX_AND} BSD-3-Clause ${JOBBOX_AND} MIT"
LIC_FILES_CHKSUM = "file://src/${GO_IMPORT}/LICENSE;md5=3b83ef96387f14655fc854ddc3c6bd57 \
                    file://src/${GO_IMPORT}/NOTICE;md5=f1899e6e7c6519a911abc9f1a9aceb7c \
                    file://src/${GO_IMPORT}/docs/LICENSES.md;md5=81871abee32497f174d412540ef835f7 \
                   "

GO_IMPORT = "jobbox"
# The archive holds its modules: nothing else is fetched.
SRC_URI = "https://jobbox.example/releases/jobbox-${PV}.tar.gz;striplevel=1;subdir=${BP}/src/${GO_IMPORT} \
           file://run-ptest \
          "
# `make dist` fills it in.
SRC_URI[sha256sum] = "0000000000000000000000000000000000000000000000000000000000000000"

inherit go ptest update-rc.d systemd

PACKAGECONFIG ??= "fetch"
PACKAGECONFIG[fetch] = ""
GO_TAGS = "${@bb.utils.contains('PACKAGECONFIG', 'fetch', '', 'exclude_fetch', d)}"

# A static file, by jobbox's own Makefile: what go.bbclass adds for C and for
# position independence does not come in.
CGO_ENABLED = "0"
export GOTOOLCHAIN = "local"
# -modcacherw, so that a work directory can be removed: the snapshot of Go's
# cryptography is unpacked into it.
export GOFLAGS = "-mod=vendor -modcacherw"
export GOPROXY = "off"
INSANE_SKIP:${PN} += "already-stripped"
INHIBIT_PACKAGE_DEBUG_SPLIT = "1"

# Their tests need nothing but themselves.
PTEST_GO_PACKAGES = "jobs internal/jsontext internal/safefile"

# jobbox's own name for the core, where it has one: with the same Go the file is
# then, byte for byte, that of `make cross` in this archive.
JOBBOX_CORE = "${@jobbox_core(d)}"

def jobbox_core(d):
    arch = d.getVar('TARGET_GOARCH')
    features = d.getVar('TUNE_FEATURES').split()
    if arch == 'arm' and any(f.startswith('armv8') for f in features):
        return 'cross-arm7'
    if arch == 'arm' and 'vfp' not in features:
        return 'cross-arm5'
    if arch == 'arm':
        return 'cross-arm' + d.getVar('TARGET_GOARM')
    if arch in 'arm64 mips mipsle mips64le riscv64 amd64'.split():
        return 'cross-' + arch
    if arch == '386' and d.getVar('TARGET_GO386') != 'softfloat':
        return 'cross-386'
    return 'all'

# jobbox_fips names the older snapshot of Go's cryptography, where this Go has
# it: with that one the program starts on a device with 32 MiB.
jobbox_fips() {
    if [ -d "$(${GO} env GOROOT)/lib/fips140" ]; then
        echo v1.0.0
    else
        echo off
    fi
}

do_compile() {
    export TMPDIR="${GOTMPDIR}"
    rm -rf ${B}/bin
    oe_runmake -C ${S}/src/${GO_IMPORT} GO=${GO} VERSION=${PV} TAGS="${GO_TAGS}" \
        BIN=${B}/bin GOFIPS140=$(jobbox_fips) ${JOBBOX_CORE}
    [ -e ${B}/bin/jobbox ] || mv ${B}/bin/jobbox-linux-* ${B}/bin/jobbox
}

do_compile_ptest() {
    export TMPDIR="${GOTMPDIR}"
    cd ${S}/src/${GO_IMPORT}
    core=${JOBBOX_CORE}
    case $core in
    cross-arm[567]) export GOARM=${core#cross-arm} ;;
    esac
    for package in ${PTEST_GO_PACKAGES}; do
        GOFIPS140=$(jobbox_fips) ${GO} test -c -trimpath -ldflags "-s -w" \
            -o ${B}/ptest/$package/test ./$package
    done
}

do_install() {
    src=${S}/src/${GO_IMPORT}
    install -D -m 0755 ${B}/bin/jobbox ${D}${bindir}/jobbox
    install -d -m 0755 ${D}${sysconfdir}/jobbox
    install -d -m 0700 ${D}${sysconfdir}/jobbox/handlers
    install -d -m 0700 ${D}${localstatedir}/lib/jobbox
    install -m 0640 $src/init/jobbox.conf ${D}${sysconfdir}/jobbox/jobbox.conf
    install -D -m 0644 $src/init/jobbox.default ${D}${sysconfdir}/default/jobbox
    $src/scripts/install-handlers.sh ${D}${sysconfdir}/jobbox/handlers
    install -D -m 0755 $src/init/S80jobbox ${D}${sysconfdir}/init.d/jobbox
    install -D -m 0644 $src/init/jobbox.service ${D}${systemd_system_unitdir}/jobbox.service
}

do_install_ptest() {
    for package in ${PTEST_GO_PACKAGES}; do
        install -D -m 0755 ${B}/ptest/$package/test ${D}${PTEST_PATH}/$package/test
        if [ -d ${S}/src/${GO_IMPORT}/$package/testdata ]; then
            cp -R --no-preserve=ownership ${S}/src/${GO_IMPORT}/$package/testdata ${D}${PTEST_PATH}/$package/
        fi
    done
}

INITSCRIPT_NAME = "jobbox"
INITSCRIPT_PARAMS = "defaults 80 20"
SYSTEMD_SERVICE:${PN} = "jobbox.service"

PACKAGES =+ "${PN}-handlers"
SUMMARY:${PN}-handlers = "The job handlers of jobbox as files"
FILES:${PN}-handlers = "${sysconfdir}/jobbox/handlers/*.sh"
CONFFILES:${PN}-handlers = "${sysconfdir}/jobbox/handlers/"
RDEPENDS:${PN}-handlers = "${PN}"

# With the slash the directory is in both packages, else in -handlers alone.
FILES:${PN} += "${sysconfdir}/jobbox/handlers/ ${systemd_system_unitdir}/jobbox.service"
CONFFILES:${PN} = "${sysconfdir}/jobbox/jobbox.conf ${sysconfdir}/default/jobbox"
RRECOMMENDS:${PN} = "ca-certificates"
